//! REST keys, checked by identity and remembered for a while.

use std::{future::Future, pin::Pin, time::Duration};

use chappe_ids::{AppId, ProjectId};
use chappe_proto::identity::{
    AuthenticateRequest, authenticate_request::Scope, identity_service_client::IdentityServiceClient,
};
use moka::future::Cache;

use super::{Peer, layer::ClientAuth};
use crate::{Error, ErrorKind, keys::digest};

/// How long an answer is trusted: as long as a withdrawn key may go on working.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Answers kept. An attacker trying keys displaces others but never grows the process.
const MOST_REMEMBERED: u64 = 10_000;

/// What a REST key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The project.
    pub project: ProjectId,
    /// The app, when an app key was given.
    pub app: Option<AppId>,
}

/// Checks REST keys for the gateway and for gRPC clients alike.
#[derive(Clone)]
pub struct RestKeys {
    identity: IdentityServiceClient<Peer>,
    known: Cache<[u8; 32], Access>,
}

impl RestKeys {
    /// Checks against this identity service.
    pub fn new(identity: Peer) -> Self {
        let known = Cache::builder()
            .max_capacity(MOST_REMEMBERED)
            .time_to_live(REMEMBERED)
            .build();
        Self {
            identity: IdentityServiceClient::new(identity),
            known,
        }
    }

    /// What the key opens, or `UNAUTHENTICATED`. Only good answers are remembered.
    pub async fn check(&self, rest_key: &str, scope: Scope) -> Result<Access, Error> {
        let scoped = match &scope {
            Scope::ProjectKey(key) => format!("p\u{1f}{key}\u{1f}{rest_key}"),
            Scope::AppKey(key) => format!("a\u{1f}{key}\u{1f}{rest_key}"),
        };
        let remembered = digest(scoped.as_bytes());
        if let Some(access) = self.known.get(&remembered).await {
            return Ok(access);
        }
        let request = AuthenticateRequest {
            rest_key: rest_key.to_owned(),
            scope: Some(scope),
        };
        let mut identity = self.identity.clone();
        let response = identity.authenticate(tonic::Request::new(request)).await?.into_inner();
        let project = response.project_id.parse().map_err(Error::internal)?;
        let app = Some(response.app_id)
            .filter(|id| !id.is_empty())
            .map(|id| id.parse())
            .transpose();
        let access = Access {
            project,
            app: app.map_err(Error::internal)?,
        };
        self.known.insert(remembered, access).await;
        Ok(access)
    }
}

impl ClientAuth for RestKeys {
    fn authenticate<'a>(
        &'a self,
        rest_key: &'a str,
        project_key: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<ProjectId, Error>> + Send + 'a>> {
        Box::pin(async move {
            let access = self.check(rest_key, Scope::ProjectKey(project_key.to_owned())).await;
            access.map(|access| access.project).map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::new(
                    ErrorKind::Unauthenticated,
                    "KEY_INVALID",
                    "invalid REST API key or project",
                ),
                _ => error,
            })
        })
    }
}
