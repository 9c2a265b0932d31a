//! One batch of an inactivity run. Only the omnichannel model is touched: app-centric data stays.

use chappe_ids::{ProfileId, ProjectId, RunId};
use chappe_kit::{
    Error, Timestamp,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::profile as pb;
use chappe_store::{
    idempotency::{self, Begin},
    retired,
};
use prost::Message as _;
use sea_orm::DatabaseTransaction;
use tonic::Request;

use super::convert;
use crate::{App, store};

/// Profiles in one batch, as the contract says.
const MAX_PROFILES: usize = 2_000;

/// Keys of batches are kept apart from those of clients.
const SCOPE: &str = "DeleteInactive";

pub(super) async fn handle(
    app: &App,
    request: &Request<pb::DeleteInactiveRequest>,
) -> Result<pb::DeleteInactiveResponse, Error> {
    Caller::of(request)?.require_service()?;
    let project = project_of(request)?;
    let request = request.get_ref();
    let cutoff = convert::instant("cutoff", request.cutoff)?;
    let after = match request.after_profile_id.as_str() {
        "" => ProfileId::from_uuid(uuid::Uuid::nil()),
        after => convert::id("after_profile_id", after)?,
    };
    let limit = usize::try_from(request.limit)
        .ok()
        .filter(|limit| (1..=MAX_PROFILES).contains(limit));
    let limit = limit.ok_or_else(|| Error::invalid_field("limit", format!("must be from 1 to {MAX_PROFILES}")))?;
    let now = app.runtime.clock.now();
    let batch = Batch {
        project,
        cutoff,
        after,
        limit,
        until: now + retired::KEPT_FOR,
    };

    if request.run_id.is_empty() {
        return app.db.write(async |txn| delete(txn, &batch).await).await;
    }
    let run: RunId = convert::id("run_id", &request.run_id)?;
    let key = format!("{run}/{after}");
    let fingerprint = cutoff.micros().to_be_bytes();
    app.db
        .write(async |txn| {
            let begun = idempotency::begin(txn, project, SCOPE, &key, &fingerprint, now).await?;
            if let Begin::Replay(answer) = begun {
                return pb::DeleteInactiveResponse::decode(answer.as_slice()).map_err(Error::internal);
            }
            let answer = delete(txn, &batch).await?;
            idempotency::finish(txn, project, SCOPE, &key, &answer.encode_to_vec()).await?;
            Ok(answer)
        })
        .await
}

struct Batch {
    project: ProjectId,
    cutoff: Timestamp,
    after: ProfileId,
    limit: usize,
    /// Until when the deleted ids are remembered.
    until: Timestamp,
}

async fn delete(txn: &DatabaseTransaction, batch: &Batch) -> Result<pb::DeleteInactiveResponse, Error> {
    let Batch { project, cutoff, .. } = *batch;
    let locked = store::inactive::lock(txn, project, cutoff, batch.after, batch.limit).await?;
    let deleted = store::inactive::still(txn, project, cutoff, &locked).await?;
    let gone: Vec<_> = deleted.iter().map(|profile| (*profile, None)).collect();
    retired::retire(txn, project, &gone, batch.until).await?;
    store::feed::delete(txn, project, &deleted).await?;
    store::event::delete(txn, project, &deleted).await?;
    store::activity::delete(txn, project, &deleted).await?;
    store::profile::delete(txn, project, &deleted).await?;
    let last = locked.last().filter(|_| locked.len() == batch.limit);
    Ok(pb::DeleteInactiveResponse {
        profile_ids: deleted.iter().map(ToString::to_string).collect(),
        next_after_profile_id: last.map(ToString::to_string).unwrap_or_default(),
    })
}
