//! The command line as a client of the gateway.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::{cli::Target, credentials::Credentials};

/// Longest wait for an answer: the gateway's own deadline is shorter.
const TIMEOUT: Duration = Duration::from_secs(70);

/// Where keys that open nothing come from.
pub(crate) const CREDENTIALS: &str =
    "look at --token and --project, CHAPPE_TOKEN and CHAPPE_PROJECT, or at the --data-dir they come from";

/// A gateway and what opens it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: String,
    token: String,
    project: String,
}

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Client {
    /// From flags and environment, and where those are silent from the credentials file.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let credentials = Credentials::read(&target.data_dir)?;
        let known = |flag: &Option<String>, file: fn(&Credentials) -> &str, what: &str| {
            // A variable that is set to nothing is not set.
            let given = flag.clone().filter(|flag| !flag.is_empty());
            let found = given.or_else(|| credentials.as_ref().map(|credentials| file(credentials).to_owned()));
            found.ok_or_else(|| {
                anyhow!(
                    "{what} is not known: {} has no credentials.json (is chappe up running there?); \
                     name its directory with --data-dir, or set CHAPPE_ENDPOINT, CHAPPE_TOKEN and CHAPPE_PROJECT",
                    target.data_dir.display()
                )
            })
        };
        Self::with(
            &known(&target.endpoint, |c| &c.rest_url, "the gateway")?,
            known(&target.token, |c| &c.rest_api_key, "the REST key")?,
            known(&target.project, |c| &c.project_key, "the project")?,
        )
    }

    pub(crate) fn with(endpoint: &str, token: String, project: String) -> Result<Self> {
        if endpoint.starts_with("https:") {
            bail!("{endpoint}: this build speaks plain HTTP; reach the gateway through a local port or a proxy");
        }
        if !endpoint.starts_with("http://") {
            bail!("{endpoint} is not an address such as http://127.0.0.1:8080: look at --endpoint and CHAPPE_ENDPOINT");
        }
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self {
            http,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token,
            project,
        })
    }

    /// Key of the project.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// GET of a path, which must succeed.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::GET, path))
            .await?
            .map_err(Refusal::into_error)
    }

    /// DELETE of a path, which must succeed.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::DELETE, path))
            .await?
            .map_err(Refusal::into_error)
    }

    /// POST of a body, which must succeed.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Value> {
        self.try_post(path, body).await?.map_err(Refusal::into_error)
    }

    /// POST of a body; a refusal is an answer like any other.
    pub(crate) async fn try_post(&self, path: &str, body: &impl Serialize) -> Result<Result<Value, Refusal>> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Bytes at a URL that needs no credential, such as the archive of a review.
    pub(crate) async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let response = self
            .http
            .get(url)
            .send()
            .await
            .map_err(|error| unreachable(url, &error))?;
        Ok(response.error_for_status()?.bytes().await?.to_vec())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.endpoint))
            .bearer_auth(&self.token)
            .header("X-Batch-Project", &self.project)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Result<Value, Refusal>> {
        let endpoint = &self.endpoint;
        let sent = request.send().await;
        let response = sent.map_err(|error| unreachable(endpoint, &error))?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(if status.is_success() {
            Ok(body)
        } else {
            Err(Refusal { status, body })
        })
    }
}

/// Nobody answers there. Of all causes the innermost says most.
pub(crate) fn unreachable(url: &str, error: &reqwest::Error) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    anyhow!("cannot reach {url}: {cause}; is chappe running there?")
}

impl Refusal {
    /// What the gateway said, in whichever of its three shapes.
    pub(crate) fn message(&self) -> String {
        let said = ["/error/message", "/error_message", "/message"];
        let said = said.iter().find_map(|pointer| self.body.pointer(pointer)?.as_str());
        let said = said.map_or_else(|| format!("the gateway answered {}", self.status), ToOwned::to_owned);
        if self.status == StatusCode::UNAUTHORIZED {
            format!("{said}: {CREDENTIALS}")
        } else {
            said
        }
    }

    /// Whether the same request may succeed in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error()
    }

    pub(crate) fn into_error(self) -> anyhow::Error {
        anyhow!(self.message())
    }
}
