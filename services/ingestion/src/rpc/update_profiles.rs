//! Edits of profiles: validated, resolved, applied, and durable when answered.

use chappe_kit::{Error, grpc::caller::project_of, keys::digest};
use chappe_proto::{
    ingestion::{UpdateProfilesRequest, UpdateProfilesResponse},
    profile::Idempotency,
};
use prost::Message;
use tonic::Request;

use super::convert;
use crate::{
    App,
    domain::validate::{self, Call},
    pipeline,
};

/// Items in one call, as documented in the contract.
const MAX_ITEMS: usize = 1_000;
/// Longest idempotency key, with the suffix that tells the chunks of one body apart.
const MAX_KEY: usize = 160;
/// Faults told in one answer; the rest is cut.
const MAX_FAULTS: usize = 1_000;

pub(super) async fn handle(
    app: &App,
    request: Request<UpdateProfilesRequest>,
) -> Result<UpdateProfilesResponse, Error> {
    let project = project_of(&request)?;
    let request = request.into_inner();
    if request.items.len() > MAX_ITEMS {
        return Err(Error::invalid_field(
            "items",
            format!("at most {MAX_ITEMS} items fit one call"),
        ));
    }
    let key = request.idempotency_key.clone();
    if key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid_field(
            "idempotency_key",
            "must be 1 to 128 visible ASCII characters",
        ));
    }
    let fingerprint = (!key.is_empty()).then(|| digest(&request.encode_to_vec()));
    let call = Call {
        project,
        now: app.runtime.clock.now(),
        idempotency: fingerprint.map(|fingerprint| (key.as_str(), fingerprint)),
        first_index: request.first_index,
        backfill: request.backfill,
    };
    let mut checked = validate::check(&call, request);
    let refused_apps = pipeline::resolve::unknown_apps(app, project, &mut checked).await?;
    checked.faults.extend(refused_apps);
    checked.faults.sort_by_key(|fault| fault.index);
    checked.faults.truncate(MAX_FAULTS);

    let mut response = UpdateProfilesResponse {
        errors: checked.faults.into_iter().map(convert::fault).collect(),
        events_refused: checked.events_refused,
        ..UpdateProfilesResponse::default()
    };
    let idempotency = fingerprint.map(|fingerprint| Idempotency {
        key: key.clone(),
        fingerprint: fingerprint.to_vec().into(),
        response: response.encode_to_vec().into(),
    });
    let done = pipeline::run(app, &call, checked.edits, idempotency).await?;
    if let Some(stored) = done.replayed {
        return UpdateProfilesResponse::decode(stored).map_err(Error::internal);
    }
    response.events_applied = done.events_applied;
    response.events_duplicate = done.events_duplicate;
    Ok(response)
}
