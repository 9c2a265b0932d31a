use std::{collections::HashMap, convert::Infallible, future::Future, pin::Pin, sync::Arc};

use chappe_kit::{
    Clock,
    grpc::{CallKey, Peer, Service, peer::Connector},
};
use chappe_proto::edges::{CLIENT, EDGES};
use http::{Request, Response};
use prost::Message;
use tonic::{Status, body::Body, codegen::BoxFuture, server::UnaryService};
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};

/// Calls each method of a service as one of those that may: for tests that are not about who calls.
pub fn rightful(service: Service, key: &CallKey, clock: &Clock) -> Peer {
    let (key, clock) = (key.clone(), clock.clone());
    BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
        let method = request.uri().path().trim_start_matches('/');
        let edge = EDGES.iter().find(|edge| edge.method == method && edge.from != CLIENT);
        let caller = edge.map_or("nobody", |edge| edge.from);
        let peer = Connector::new(caller, key.clone(), clock.clone()).local(service.clone());
        peer.oneshot(request)
    }))
}

type Method = Arc<dyn Fn(Request<Body>) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> + Send + Sync>;

/// A peer that answers only the methods it is told to; everything else is `UNIMPLEMENTED`. It stands for a
/// service of the mesh where that service's own code is not what is tested.
#[derive(Clone, Default)]
pub struct FakePeer(HashMap<&'static str, Method>);

impl FakePeer {
    /// Answers a unary method, named `/package.Service/Method`.
    #[must_use]
    pub fn on<Req, Res, F, Fut>(mut self, method: &'static str, answer: F) -> Self
    where
        Req: Message + Default + 'static,
        Res: Message + Default + 'static,
        F: Fn(Req) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Res, Status>> + Send + 'static,
    {
        let method_service = Answer {
            answer,
            _types: std::marker::PhantomData::<fn(Req) -> Res>,
        };
        let serve = move |request: Request<Body>| {
            let service = method_service.clone();
            let served = async move {
                let codec = tonic_prost::ProstCodec::<Res, Req>::default();
                tonic::server::Grpc::new(codec).unary(service, request).await
            };
            Box::pin(served) as Pin<Box<dyn Future<Output = Response<Body>> + Send>>
        };
        self.0.insert(method, Arc::new(serve));
        self
    }

    /// The peer, to be wrapped by a connector.
    pub fn serve(self) -> Service {
        let methods = Arc::new(self.0);
        BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
            let method = methods.get(request.uri().path()).cloned();
            async move {
                Ok::<_, Infallible>(match method {
                    Some(method) => method(request).await,
                    None => Status::unimplemented(request.uri().path().to_owned()).into_http(),
                })
            }
        }))
    }
}

struct Answer<F, Req, Res> {
    answer: F,
    _types: std::marker::PhantomData<fn(Req) -> Res>,
}

impl<F: Clone, Req, Res> Clone for Answer<F, Req, Res> {
    fn clone(&self) -> Self {
        Self {
            answer: self.answer.clone(),
            _types: std::marker::PhantomData,
        }
    }
}

impl<F, Fut, Req, Res> UnaryService<Req> for Answer<F, Req, Res>
where
    F: Fn(Req) -> Fut,
    Fut: Future<Output = Result<Res, Status>> + Send + 'static,
{
    type Response = Res;
    type Future = BoxFuture<tonic::Response<Res>, Status>;

    fn call(&mut self, request: tonic::Request<Req>) -> Self::Future {
        let answer = (self.answer)(request.into_inner());
        Box::pin(async move { answer.await.map(tonic::Response::new) })
    }
}
