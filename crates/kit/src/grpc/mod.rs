//! gRPC between services: one client type for memory and TCP, one stack of layers, our own deadlines.

pub mod balancer;
pub mod caller;
pub mod context;
mod contract;
mod dice;
pub mod door;
pub mod layer;
pub mod peer;
pub mod probe;
pub mod rest_keys;
mod retry;
pub mod server;
mod span;

use std::convert::Infallible;

use http::{Request, Response};
use tonic::body::Body;
use tower::util::BoxCloneSyncService;

pub use balancer::Balancer;
pub use caller::{CallKey, Caller};
pub use peer::{Peer, call};

/// Largest message in either direction, in bytes: profile updates are the largest.
pub const MAX_MESSAGE_BYTES: usize = 24 * 1024 * 1024;

/// A gRPC service with its type erased: deep tower types cost minutes of compilation. It never fails:
/// what goes wrong on the way is a response with a status, like any other answer.
pub type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;
