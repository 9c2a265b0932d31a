//! Who may: the credential headers of both lines.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use chappe_ids::ProjectId;
use chappe_kit::{Error, ErrorKind};
use chappe_proto::identity::{AuthenticateRequest, authenticate_request::Scope};

use crate::{
    App,
    failure::{missing, unauthenticated},
};

const X_AUTHORIZATION: HeaderName = HeaderName::from_static("x-authorization");
const X_BATCH_PROJECT: HeaderName = HeaderName::from_static("x-batch-project");
/// Longest key, of any kind.
const MAX_KEY: usize = 128;

/// The project that the headers of 2.x and of the native line open.
pub(crate) async fn project(app: &App, headers: &HeaderMap) -> Result<ProjectId, Error> {
    let rest_key = credential(headers)?;
    let Some(project_key) = headers.get(X_BATCH_PROJECT) else {
        return Err(without_project(app, rest_key).await);
    };
    open(app, rest_key, Scope::ProjectKey(visible(project_key)?.to_owned())).await
}

/// The project of the app whose key is in the path: 1.x.
pub(crate) async fn project_of_app(app: &App, headers: &HeaderMap, app_key: &str) -> Result<ProjectId, Error> {
    let rest_key = credential(headers)?;
    if app_key.len() > MAX_KEY {
        return Err(unauthenticated());
    }
    open(app, rest_key, Scope::AppKey(app_key.to_owned())).await
}

async fn open(app: &App, rest_key: &str, scope: Scope) -> Result<ProjectId, Error> {
    match app.rest_keys.check(rest_key, scope).await {
        Ok(access) => Ok(access.project),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(unauthenticated()),
        Err(error) => Err(error),
    }
}

/// A wrong key comes before a missing header, and identity looks at the key first.
async fn without_project(app: &App, rest_key: &str) -> Error {
    let request = AuthenticateRequest {
        rest_key: rest_key.to_owned(),
        scope: None,
    };
    let mut identity = app.peers.identity.clone();
    let checked = identity.authenticate(tonic::Request::new(request)).await;
    match checked.map_err(Error::from) {
        Err(error) if error.kind() != ErrorKind::InvalidArgument => error,
        _ => missing("X-Batch-Project"),
    }
}

/// The one key that all credential headers agree on.
fn credential(headers: &HeaderMap) -> Result<&str, Error> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().map(bearer);
    let bare = headers.get_all(X_AUTHORIZATION).iter().map(visible);
    let mut keys = bearer.chain(bare);
    let first = keys.next().ok_or_else(unauthenticated)??;
    for other in keys {
        if other? != first {
            return Err(unauthenticated());
        }
    }
    Ok(first)
}

fn bearer(value: &HeaderValue) -> Result<&str, Error> {
    let text = value.to_str().map_err(|_| unauthenticated())?;
    let (scheme, key) = text.split_once(' ').ok_or_else(unauthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthenticated());
    }
    checked(key.trim_start_matches(' '))
}

fn visible(value: &HeaderValue) -> Result<&str, Error> {
    checked(value.to_str().map_err(|_| unauthenticated())?)
}

fn checked(key: &str) -> Result<&str, Error> {
    let good = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    good.then_some(key).ok_or_else(unauthenticated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        credential(&map).ok().map(ToOwned::to_owned)
    }

    #[test]
    fn both_headers_are_taken_and_must_agree() {
        assert_eq!(of(&[("authorization", "bearer   k")]).as_deref(), Some("k"));
        assert_eq!(of(&[("x-authorization", "k")]).as_deref(), Some("k"));
        assert_eq!(
            of(&[("authorization", "Bearer k"), ("x-authorization", "k")]).as_deref(),
            Some("k")
        );
        assert_eq!(of(&[("authorization", "Bearer k"), ("x-authorization", "l")]), None);
        assert_eq!(
            of(&[("authorization", "Bearer k"), ("authorization", "Bearer l")]),
            None
        );
    }

    #[test]
    fn other_schemes_and_odd_keys_are_no_credential() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("authorization", "k")]), None);
        assert_eq!(of(&[("authorization", "Basic k")]), None);
        assert_eq!(of(&[("authorization", "Bearer ")]), None);
        assert_eq!(of(&[("x-authorization", "two words")]), None);
    }
}
