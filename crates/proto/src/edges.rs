//! Who may call what.

/// A company's own services, which call with a REST key.
pub const CLIENT: &str = "client";

/// A call between two pieces of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The caller, as its tokens name it, or [`CLIENT`].
    pub from: &'static str,
    /// The service that is called.
    pub to: &'static str,
    /// `package.Service/Method`.
    pub method: &'static str,
}

/// Every call that is allowed: `helm/chappe/files/edges.yaml`, from which the network policies come too.
pub const EDGES: &[Edge] = include!(concat!(env!("OUT_DIR"), "/edges.rs"));

/// Whether the caller of this name may call `package.Service/Method`.
pub fn allows(caller: &str, method: &str) -> bool {
    EDGES.iter().any(|edge| edge.from == caller && edge.method == method)
}

/// Whether clients call this service.
pub fn admits_clients(service: &str) -> bool {
    EDGES.iter().any(|edge| edge.from == CLIENT && edge.to == service)
}
