//! The gRPC listener of a service that cannot be built yet: it answers for its health, and sends everybody else away.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use http::Request;
use tonic::{Status, body::Body};
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};

use super::{Service, layer::is_open};
use crate::Error;

/// What is behind the listener, once it is there. Clones share it.
#[derive(Clone, Default)]
pub struct Door(Arc<OnceLock<Service>>);

impl Door {
    /// Lets calls in from now on.
    ///
    /// # Panics
    /// The second time.
    pub fn open(&self, inside: Service) {
        assert!(self.0.set(inside).is_ok(), "a door opens once");
    }

    /// What the listener serves. `health` answers for as long as the door is closed.
    pub fn service(&self, health: Service) -> Service {
        let door = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
            let is_answered = is_open(request.uri().path());
            let inside = door.0.get().or_else(|| is_answered.then_some(&health)).cloned();
            async move {
                let Some(service) = inside else {
                    let starting = Error::unavailable("the service has not started yet");
                    return Ok::<_, Infallible>(Status::from(starting).into_http());
                };
                service.oneshot(request).await
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn answering(status: Status) -> Service {
        BoxCloneSyncService::new(service_fn(move |_| {
            let answer = status.clone().into_http();
            async { Ok::<_, Infallible>(answer) }
        }))
    }

    #[tokio::test]
    async fn before_it_opens_only_health_is_answered() {
        let door = Door::default();
        let service = door.service(answering(Status::ok("")));
        let code = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let answer = service.clone().oneshot(request).await.unwrap();
            Status::from_header_map(answer.headers()).unwrap().code()
        };
        let call = "/chappe.identity.v1.IdentityService/Resolve";
        assert_eq!(code("/grpc.health.v1.Health/Check").await, Code::Ok);
        assert_eq!(code(call).await, Code::Unavailable);
        door.open(answering(Status::not_found("inside")));
        assert_eq!(code(call).await, Code::NotFound);
    }
}
