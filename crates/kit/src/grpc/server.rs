//! A gRPC listener.

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tonic::{
    service::{Routes, RoutesBuilder},
    transport::{Server, server::TcpIncoming},
};

use super::Service;
use crate::{Error, Lifecycle};

/// Streams that one connection may have open.
const MAX_STREAMS: u32 = 1024;

/// Binds a listener, saying what to do when the address is taken.
pub async fn bind(what: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it or choose another port (0 takes any free one)"
            }
            std::io::ErrorKind::PermissionDenied => "choose a port above 1023",
            _ => "check the address",
        };
        Error::invalid(
            "ADDRESS",
            format!("cannot listen on {address} for {what}: {error}; {remedy}"),
        )
    })
}

/// Adds reflection over all contracts, also in the older version that clients in Python and Java still speak.
pub fn with_reflection(mut routes: RoutesBuilder) -> Result<Routes, Error> {
    let contracts = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(chappe_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    routes.add_service(contracts().build_v1().map_err(Error::internal)?);
    routes.add_service(contracts().build_v1alpha().map_err(Error::internal)?);
    Ok(routes.routes())
}

/// Serves until the shutdown begins, then until open calls have ended.
pub async fn serve(listener: TcpListener, service: Service, lifecycle: Lifecycle) {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .serve_with_incoming_shutdown(service, incoming, async move { lifecycle.stopping().await })
        .await;
    if let Err(error) = served {
        tracing::error!("the gRPC listener failed: {error}");
    }
}
