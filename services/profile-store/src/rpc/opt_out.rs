//! One person's wish, on every profile with the address.

use chappe_ids::ProfileId;
use chappe_kit::{
    Error, Timestamp,
    grpc::{
        caller::{Caller, project_of},
        context,
    },
};
use chappe_proto::profile as pb;
use chappe_query::{AttributeEdit, Native, Value, email_key};
use tonic::Request;

use super::{apply_edits, convert};
use crate::{
    App,
    domain::edit::{Edit, Event, Origin},
    store::{self, batch::Batch},
};

pub(super) async fn handle(app: &App, request: Request<pb::OptOutRequest>) -> Result<pb::OptOutResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let project = project_of(&request)?;
    let now = app.runtime.clock.now();
    let request = request.into_inner();
    let event = request
        .event
        .ok_or_else(|| Error::invalid_field("event", "is missing"))?;
    let event = convert::event("event", event)?;
    let recipient = convert::id("profile_id", &request.profile_id)?;
    let at = convert::instant("at", request.at)?.min(now);
    let address = email_key(&request.address_key);

    let id = event.id;
    // A profile that takes the address from here on opts in or out for itself.
    let holders = store::profile::with_address(app.db.read(), project, &address).await?;
    let edits = edits(&holders, recipient, event, at);
    let profiles = apply_edits::named(app, project, &edits);
    let traceparent = context::kept_trace();
    let batch = Batch {
        project,
        origin: Origin::Native,
        accepted_at: now,
        traceparent: traceparent.as_deref(),
        edits: &edits,
        profiles: &profiles,
    };
    let applied = app.db.write(async |txn| {
        // Somebody who has subscribed again since must not be unsubscribed by the same click a second time. Of two calls
        // about one click, the second waits here for the first.
        store::known::lock(txn, project, &profiles, &[], now).await?;
        if store::event::exists(txn, project, id).await? {
            return Ok(None);
        }
        store::batch::apply(txn, &batch).await.map(Some)
    });
    let Some(outcome) = applied.await? else {
        return Ok(pb::OptOutResponse { profiles: 0 });
    };
    apply_edits::announce(app, &outcome);
    Ok(pb::OptOutResponse {
        profiles: i64::try_from(outcome.changed.len()).unwrap_or(i64::MAX),
    })
}

/// Everybody who holds the address is opted out; the recipient gets the event and the activity, also when the
/// address is not theirs any more.
fn edits(holders: &[ProfileId], recipient: ProfileId, event: Event, at: Timestamp) -> Vec<Edit> {
    let opt_out = |profile| Edit {
        profile,
        custom_id: None,
        attributes: vec![(
            Native::EmailMarketing.name().to_owned(),
            AttributeEdit::Set(Value::String("unsubscribed".to_owned())),
        )],
        events: Vec::new(),
        active_at: None,
    };
    let mut edits: Vec<_> = holders.iter().copied().map(opt_out).collect();
    edits.push(Edit {
        profile: recipient,
        custom_id: None,
        attributes: Vec::new(),
        events: vec![event],
        active_at: Some(at),
    });
    edits
}
