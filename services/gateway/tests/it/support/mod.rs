//! A gateway, and requests to it.

mod mesh;

use axum::{Router, body::Body};
use chappe_coordination::Coordination;
use chappe_kit::{Clock, IdGen, Lifecycle, Runtime};
use gateway::{Config, Deps, Preset, RateLimits, Service};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value as Json;
use tower::ServiceExt;

pub(crate) use mesh::{APP_KEY, Mesh, PROJECT_KEY, REST_KEY, project};

/// A gateway with its peers.
pub(crate) struct Gateway {
    pub(crate) router: Router,
    pub(crate) mesh: Mesh,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        Self::with(Config {
            public_base_url: Some("https://api.example.org".to_owned()),
            ..Config::default()
        })
    }

    pub(crate) fn limited() -> Self {
        Self::with(Config {
            rate_limits: RateLimits { preset: Preset::Batch },
            ..Config::default()
        })
    }

    pub(crate) fn with(config: Config) -> Self {
        let mesh = Mesh::new();
        let clock = Clock::manual(chrono::DateTime::UNIX_EPOCH);
        let peer = || mesh.peer();
        let deps = Deps {
            runtime: Runtime {
                clock: clock.clone(),
                ids: IdGen::seeded(1),
                lifecycle: Lifecycle::new(),
                keys: mesh::master_key(),
            },
            coordination: Coordination::in_process(clock),
            identity: peer(),
            ingestion: peer(),
            profile_store: peer(),
            automation: peer(),
            email_sender: peer(),
            privacy: peer(),
        };
        Self {
            router: Service::new(config, deps).unwrap().router(),
            mesh,
        }
    }

    pub(crate) async fn send(&self, call: Rest) -> Reply {
        let response = self.router.clone().oneshot(call.0).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// Edits under 2.9 with good credentials.
    pub(crate) async fn update(&self, body: impl Into<Body>) -> Reply {
        self.send(Rest::post("/2.9/profiles/update").project().body(body)).await
    }

    /// A native request with good credentials and a JSON body.
    pub(crate) async fn native(&self, path: &str, body: &Json) -> Reply {
        self.send(Rest::post(path).project().body(body.to_string())).await
    }

    /// A native reading with good credentials.
    pub(crate) async fn read(&self, path: &str) -> Reply {
        self.send(Rest::get(path).project()).await
    }
}

/// A request.
pub(crate) struct Rest(Request<Body>);

impl Rest {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path);
        Self(request.body(Body::empty()).unwrap())
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// With the credentials of 2.x.
    pub(crate) fn project(self) -> Self {
        self.header("authorization", &format!("Bearer {REST_KEY}"))
            .header("x-batch-project", PROJECT_KEY)
    }

    /// With the credential of 1.x.
    pub(crate) fn key(self) -> Self {
        self.header("x-authorization", REST_KEY)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().append(name, value.parse().unwrap());
        self
    }

    pub(crate) fn raw_header(mut self, name: &'static str, value: http::HeaderValue) -> Self {
        self.0.headers_mut().append(name, value);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.0.body_mut() = body.into();
        self
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and exact body.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), self.text()), (status, body));
        if !body.is_empty() {
            assert_eq!(self.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
        }
    }
}

/// A body of edits that only name people.
pub(crate) fn people(count: usize) -> String {
    let items: Vec<_> = (0..count)
        .map(|at| format!(r#"{{"identifiers":{{"custom_id":"u{at}"}}}}"#))
        .collect();
    format!("[{}]", items.join(","))
}
