use reqwest::{RequestBuilder, StatusCode, redirect::Policy};
use serde_json::{Value as Json, json};

/// A client of REST that reads what it needs in the credentials file.
#[derive(Clone)]
pub(crate) struct Rest {
    pub(crate) http: reqwest::Client,
    credentials: Json,
}

impl Rest {
    pub(super) fn new(credentials: &[u8]) -> Self {
        Self {
            http: reqwest::Client::builder().redirect(Policy::none()).build().unwrap(),
            credentials: serde_json::from_slice(credentials).unwrap(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.credential("rest_url")
    }

    /// A call with the credentials of the project.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.open(self.http.get(format!("{}{path}", self.url())))
    }

    /// An update of profiles.
    pub(crate) fn post_update(&self, body: &(impl ToString + ?Sized)) -> RequestBuilder {
        self.post("/2.11/profiles/update").body(body.to_string())
    }

    /// A call with the credentials of the project that has a body.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.open(self.http.post(format!("{}{path}", self.url())))
    }

    /// Updates profiles, which has to be accepted whole.
    pub(crate) async fn update(&self, body: &(impl ToString + ?Sized)) {
        let answer = self.post_update(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.json::<Json>().await.unwrap(), json!({"code": "SUCCESS"}));
    }

    /// What is in the built-in mailbox.
    pub(crate) async fn mailbox(&self) -> Vec<Json> {
        let answer = self.http.get(self.credential("smtp_capture_url")).send().await.unwrap();
        let mut page: Json = answer.json().await.unwrap();
        serde_json::from_value(page["messages"].take()).unwrap()
    }

    fn open(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.bearer_auth(self.credential("rest_api_key"));
        request.header("X-Batch-Project", self.credential("project_key"))
    }

    fn credential(&self, name: &str) -> &str {
        self.credentials[name].as_str().unwrap()
    }
}
