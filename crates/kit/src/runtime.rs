use crate::{Clock, IdGen, Lifecycle, MasterKey};

/// What every service is handed besides its stores and peers. Nothing is global, so two instances of a
/// service can live in one process.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Where the time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: IdGen,
    /// Where tasks are started and stopped.
    pub lifecycle: Lifecycle,
    /// The secret of the mesh.
    pub keys: MasterKey,
}
