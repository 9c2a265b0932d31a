use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};

/// Longer than any deadline inside the mesh.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A client of REST with the keys of one project.
#[derive(Clone)]
pub(crate) struct Rest {
    http: reqwest::Client,
    pub(super) url: String,
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
    pub(super) fn new(url: String, keys: Json) -> Self {
        Self {
            http: reqwest::Client::builder().timeout(TIMEOUT).build().unwrap(),
            url,
            keys,
        }
    }

    /// Updates profiles under a key.
    pub(super) async fn update(&self, key: &str, body: &Json) -> Answer {
        let request = self.http.post(format!("{}/2.11/profiles/update", self.url));
        let request = self.open(request).header("Idempotency-Key", key).json(body);
        let Ok(answer) = request.send().await else {
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

    /// The counts of the project; null when there is no answer.
    pub(crate) async fn status(&self) -> Json {
        let request = self.open(self.http.get(format!("{}/chappe/v1/status", self.url)));
        match request.send().await.and_then(Response::error_for_status) {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Json::Null,
        }
    }

    pub(super) fn key(&self, name: &str) -> &str {
        self.keys[name].as_str().unwrap()
    }

    fn open(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.bearer_auth(self.key("rest_api_key"));
        request.header("X-Batch-Project", self.key("project_key"))
    }
}
