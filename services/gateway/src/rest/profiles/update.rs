//! `POST /2.{minor}/profiles/update`.

use std::{collections::HashSet, sync::Arc};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use chappe_proto::{
    ingestion::{ProfileUpdate, UpdateError},
    types::identifier::Kind,
};
use serde_json::{Value as Json, json};

use super::envelope;
use crate::{
    App,
    body::MIB,
    failure::Failure,
    limits::Budget,
    rest::{Admitted, Answer, Params, admit_to_project, answer},
    updates::{self, Outcome, Terms},
};

/// Items that always fit the bucket of small updates.
const SMALL: usize = 200;

/// What a minor version of the route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ceiling {
    items: usize,
    bytes: usize,
}

pub(super) async fn handle(State(app): State<Arc<App>>, Params(minor): Params<String>, request: Request) -> Answer {
    let ceiling = ceiling(&minor).ok_or_else(Failure::no_route)?;
    let Admitted { project, headers, body } = admit_to_project(&app, request, ceiling.bytes).await?;
    let items = envelope::parse(&body, ceiling.items)?;
    drop(body);
    let terms = Terms {
        project,
        idempotency_key: updates::idempotency_key(&headers)?,
        backfill: false,
    };

    let budget = if items.len() > SMALL {
        Budget::ProfilesMassUpdate
    } else {
        Budget::ProfilesUpdate
    };
    let quota = app.limiter.take(project, budget, || distinct(&items)).await;
    let applied = async {
        quota.check()?;
        updates::apply(&app, &terms, items).await
    };
    let response = match applied.await {
        Ok(outcome) => answer(StatusCode::ACCEPTED, &report(&outcome)),
        Err(error) => Failure::from(error).into_response(),
    };
    Ok(quota.tell(response))
}

/// The ceiling of a minor version: one to four digits, perhaps with `-alpha`.
fn ceiling(minor: &str) -> Option<Ceiling> {
    let digits = minor.strip_suffix("-alpha").unwrap_or(minor);
    let number: u16 = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()?;
    (digits.len() <= 4).then_some(if number <= 4 {
        Ceiling {
            items: 10_000,
            bytes: 64 * MIB,
        }
    } else {
        Ceiling {
            items: 200,
            bytes: 16 * MIB,
        }
    })
}

/// People in the body: one that is named twice counts once.
fn distinct(items: &[ProfileUpdate]) -> usize {
    let kinds = items.iter().filter_map(|item| item.identifier.as_ref()?.kind.as_ref());
    let people = kinds.map(|kind| match kind {
        Kind::CustomId(id) => ("", id.as_str()),
        Kind::Installation(it) => (it.app_key.as_str(), it.installation_id.as_str()),
    });
    people.collect::<HashSet<_>>().len()
}

fn report(outcome: &Outcome) -> Json {
    if outcome.errors.is_empty() {
        return json!({"code": "SUCCESS"});
    }
    let errors: Vec<_> = outcome.errors.iter().map(error).collect();
    json!({"code": "SUCCESS_WITH_PARTIAL_ERRORS", "errors": errors})
}

fn error(error: &UpdateError) -> Json {
    let mut json = json!({"category": error.category, "bulk_index": error.bulk_index, "reason": error.reason});
    if !error.attribute.is_empty() {
        json["attribute"] = error.attribute.as_str().into();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_decides_the_ceiling() {
        let items = |minor| ceiling(minor).map(|ceiling| ceiling.items);
        for minor in ["0", "4", "04", "0-alpha"] {
            assert_eq!(items(minor), Some(10_000), "{minor}");
        }
        for minor in ["5", "9", "999", "9999"] {
            assert_eq!(items(minor), Some(200), "{minor}");
        }
        for minor in ["", "x", "1x", "10000", "-1", "+1", "-alpha", "1-beta", "\u{663}"] {
            assert_eq!(items(minor), None, "{minor}");
        }
    }
}
