//! The order of the layers, each test one order that matters.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

use super::*;
use crate::{
    MasterKey,
    grpc::{Caller, context},
};

fn auth() -> (Auth, CallKey, Clock) {
    let clock = Clock::system();
    let key = CallKey::new(&MasterKey::new([3; 32]));
    (Auth::services(key.clone(), clock.clone()), key, clock)
}

fn handler<F, Fut>(handle: F) -> Service
where
    F: Fn(Request<Body>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Status> + Send + 'static,
{
    BoxCloneSyncService::new(service_fn(move |request| {
        let answer = handle(request);
        async move { Ok::<_, Infallible>(answer.await.into_http()) }
    }))
}

fn request(token: Option<String>) -> Request<Body> {
    request_to("chappe.identity.v1.IdentityService/Resolve", token)
}

fn request_to(method: &str, token: Option<String>) -> Request<Body> {
    let mut builder = Request::builder().uri(format!("/{method}"));
    if let Some(token) = token {
        builder = builder.header("x-chappe-call", token);
    }
    builder.body(Body::empty()).unwrap()
}

fn code(response: &Response<Body>) -> Code {
    Status::from_header_map(response.headers()).unwrap().code()
}

#[tokio::test]
async fn a_stranger_reaches_no_handler() {
    let (auth, ..) = auth();
    let service = over(handler(|_| async { panic!("reached") }), auth);
    assert_eq!(
        code(&service.oneshot(request(None)).await.unwrap()),
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn a_call_that_is_no_edge_reaches_no_handler() {
    let (auth, key, clock) = auth();
    let service = over(handler(|_| async { panic!("reached") }), auth);
    for (caller, method) in [
        ("ingestion", "chappe.identity.v1.IdentityService/CreateProject"),
        ("somebody", "chappe.identity.v1.IdentityService/Resolve"),
        ("ingestion", "chappe.identity.v1.IdentityService/NoSuchMethod"),
    ] {
        let request = request_to(method, Some(key.mint(caller, None, clock.now())));
        let response = service.clone().oneshot(request).await.unwrap();
        let refused = crate::Error::from(Status::from_header_map(response.headers()).unwrap());
        assert_eq!(refused.kind(), crate::ErrorKind::PermissionDenied);
        assert!(refused.to_string().contains(&format!("{caller} may not call {method}")));
    }
}

#[tokio::test]
async fn a_panic_is_one_internal_error() {
    let (auth, key, clock) = auth();
    let service = over(handler(|_| async { panic!("on purpose") }), auth);
    let response = service
        .oneshot(request(Some(key.mint("ingestion", None, clock.now()))))
        .await
        .unwrap();
    assert_eq!(code(&response), Code::Internal);
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_in_process() {
    let (auth, key, clock) = auth();
    let service = over(handler(|_| std::future::pending()), auth);
    let mut request = request(Some(key.mint("ingestion", None, clock.now())));
    request.headers_mut().insert("grpc-timeout", "50m".parse().unwrap());
    let response = tokio::time::timeout(Duration::from_secs(1), service.oneshot(request))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(code(&response), Code::DeadlineExceeded);
}

#[tokio::test]
async fn handlers_see_their_caller_and_their_trace() {
    let (auth, key, clock) = auth();
    let service = over(
        handler(|request| async move {
            assert_eq!(request.extensions().get::<Caller>(), Some(&Caller::service(None)));
            assert!(context::trace().is_some());
            Status::ok("")
        }),
        auth,
    );
    let response = service
        .oneshot(request(Some(key.mint("ingestion", None, clock.now()))))
        .await
        .unwrap();
    assert_eq!(code(&response), Code::Ok);
}

#[tokio::test]
async fn calls_are_counted_by_the_name_of_their_code() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let method = "chappe.identity.v1.IdentityService/Resolve";
    let outcomes = [
        (Code::Ok, "OK"),
        (Code::Unavailable, "UNAVAILABLE"),
        (Code::InvalidArgument, "INVALID_ARGUMENT"),
    ];
    for (code, _) in outcomes {
        let (auth, key, clock) = auth();
        let service = over(handler(move |_| async move { Status::new(code, "") }), auth);
        let call = request(Some(key.mint("ingestion", None, clock.now())));
        service.oneshot(call).await.unwrap();
    }
    let (auth, key, clock) = auth();
    let hangs = over(handler(|_| std::future::pending()), auth.clone());
    let mut dropped = hangs.oneshot(request(Some(key.mint("ingestion", None, clock.now()))));
    assert!(futures_util::poll!(&mut dropped).is_pending());
    drop(dropped);
    let unknown = over(handler(|_| async { Status::ok("") }), auth);
    unknown.oneshot(request_to("a.b.C/Made-up", None)).await.unwrap();

    let counted = counted.render();
    for (method, code) in outcomes
        .map(|(_, name)| (method, name))
        .into_iter()
        .chain([(method, "CANCELLED"), ("other", "UNAUTHENTICATED")])
    {
        let series = format!("chappe_rpc_total{{method=\"{method}\",code=\"{code}\"}} 1\n");
        assert!(counted.contains(&series), "{series}{counted}");
    }
}

#[tokio::test]
async fn a_full_process_sheds_and_recovers() {
    let (auth, key, clock) = auth();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let service = over(
        handler(move |_| {
            let gate = held.clone();
            async move {
                drop(gate.acquire().await);
                Status::ok("")
            }
        }),
        auth,
    );
    let call = || {
        service
            .clone()
            .oneshot(request(Some(key.mint("ingestion", None, clock.now()))))
    };
    let mut held: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| Box::pin(call())).collect();
    for call in &mut held {
        assert!(futures_util::poll!(call).is_pending());
    }
    assert_eq!(code(&call().await.unwrap()), Code::Unavailable);
    gate.close();
    for call in held {
        assert_eq!(code(&call.await.unwrap()), Code::Ok);
    }
    assert_eq!(code(&call().await.unwrap()), Code::Ok);
}
