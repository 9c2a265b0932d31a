//! Listeners, bound before anything is built, so that a taken port fails first and port 0 has a number.

use std::net::SocketAddr;

use anyhow::Result;
use chappe_kit::grpc::server;
use tokio::net::TcpListener;

use crate::settings::Listen;

/// The three listeners of the one-process form.
pub(super) struct Listeners {
    pub(super) rest: TcpListener,
    pub(super) grpc: TcpListener,
    pub(super) admin: TcpListener,
}

impl Listeners {
    pub(super) async fn bind(listen: &Listen) -> Result<Self> {
        Ok(Self {
            rest: server::bind("REST (--rest)", listen.rest).await?,
            grpc: server::bind("gRPC (--grpc)", listen.grpc).await?,
            admin: server::bind("metrics and probes (--admin)", listen.admin).await?,
        })
    }
}

/// The address by which this machine reaches a listener.
pub(super) fn reachable(listener: &TcpListener) -> Result<SocketAddr> {
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(address)
}
