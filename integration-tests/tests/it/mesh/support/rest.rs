use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};

/// Longer than any deadline inside the mesh.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A client of REST with the keys of one project. Where it knows several gateways, it stays with one of them as long as
/// that answers and does not ask it to leave.
#[derive(Clone)]
pub(crate) struct Rest {
    http: reqwest::Client,
    urls: Vec<String>,
    current: Arc<AtomicUsize>,
    /// Requests that had no answer and were sent once more, to another gateway.
    repeated: Arc<AtomicUsize>,
    keys: Json,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Accepted,
    /// With a status, and whether it says when to come back.
    Refused(u16, bool),
    /// Nobody answered.
    Cut,
}

impl Answer {
    /// 503, and it says when to come back.
    pub(crate) fn is_unavailable(&self) -> bool {
        *self == Self::Refused(503, true)
    }
}

impl Rest {
    pub(super) fn new(urls: Vec<String>, keys: Json) -> Self {
        Self {
            http: reqwest::Client::builder().timeout(TIMEOUT).build().unwrap(),
            urls,
            current: Arc::default(),
            repeated: Arc::default(),
            keys,
        }
    }

    /// How often a request had no answer and was sent once more.
    pub(crate) fn repeated(&self) -> usize {
        self.repeated.load(Ordering::Relaxed)
    }

    pub(super) fn url(&self) -> &str {
        &self.urls[self.current.load(Ordering::Relaxed) % self.urls.len()]
    }

    /// Updates profiles under a key.
    pub(super) async fn update(&self, key: &str, body: &Json) -> Answer {
        let request = |url: &str| {
            let request = self.http.post(format!("{url}/2.11/profiles/update"));
            self.open(request).header("Idempotency-Key", key).json(body)
        };
        let Ok(answer) = self.send(request).await else {
            return Answer::Cut;
        };
        if answer.status() != StatusCode::ACCEPTED {
            let says_when = answer.headers().contains_key("retry-after");
            return Answer::Refused(answer.status().as_u16(), says_when);
        }
        match answer.json::<Json>().await {
            Ok(body) => {
                assert_eq!(body, json!({"code": "SUCCESS"}));
                Answer::Accepted
            }
            Err(_) => Answer::Cut,
        }
    }

    /// A request with the keys of the project.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.open(self.http.post(format!("{}{path}", self.url())))
    }

    /// The counts of the project; null when there is no answer.
    pub(crate) async fn status(&self) -> Json {
        let request = |url: &str| self.open(self.http.get(format!("{url}/chappe/v1/status")));
        match self.send(request).await.and_then(Response::error_for_status) {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Json::Null,
        }
    }

    /// Sends a request that may be sent twice: once more, where there is another gateway and the first one is gone.
    async fn send(&self, request: impl Fn(&str) -> RequestBuilder) -> reqwest::Result<Response> {
        let answer = request(self.url()).send().await;
        let answer = match answer {
            Err(_) if self.urls.len() > 1 => {
                self.leave();
                self.repeated.fetch_add(1, Ordering::Relaxed);
                request(self.url()).send().await
            }
            answer => answer,
        };
        if let Ok(answer) = &answer
            && answer.headers().get("connection").is_some_and(|value| value == "close")
        {
            self.leave();
        }
        answer
    }

    fn leave(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn key(&self, name: &str) -> &str {
        self.keys[name].as_str().unwrap()
    }

    fn open(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.bearer_auth(self.key("rest_api_key"));
        request.header("X-Batch-Project", self.key("project_key"))
    }
}
