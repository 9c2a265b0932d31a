//! Records a hit of a tracking link. The token names project and message; whoever holds it needs no other credential.

use chappe_kit::{Error, Timestamp, grpc::Caller};
use chappe_proto::email::{HitKind, RecordHitRequest, RecordHitResponse};
use chappe_query::{Value, email_key};
use chappe_store::outbox;
use tonic::Request;

use crate::{
    app::{App, topic},
    domain::{
        engagement::{Engagement, OptOut, about, is_machine},
        token::{AddressHash, Purpose, Token},
    },
    store::{
        self,
        message::Tracked,
        outcome::{OPT_OUT, row},
    },
};

pub(super) async fn record(app: &App, request: Request<RecordHitRequest>) -> Result<RecordHitResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let request = request.into_inner();
    let now = app.now();
    let token = Token::open(&request.token, &app.stationery.token_key, now).ok_or_else(no_such_link)?;
    let message = store::message::tracked(app.db.read(), token.project, token.message).await?;
    match (request.kind(), token.purpose) {
        (HitKind::Open, Purpose::Open { .. }) => {
            if let Some(message) = message.filter(|_| !request.lookup_only) {
                engage(app, &token, &message, "email_open", &request.user_agent, now).await?;
            }
            Ok(RecordHitResponse::default())
        }
        (HitKind::Click, Purpose::Click { link, .. }) => {
            let message = message.ok_or_else(no_such_link)?;
            let target_url = message.links.get(usize::from(link)).cloned().ok_or_else(no_such_link)?;
            if !request.lookup_only {
                engage(app, &token, &message, "email_click", &request.user_agent, now).await?;
            }
            Ok(RecordHitResponse { target_url })
        }
        (HitKind::Unsubscribe, Purpose::Unsubscribe { address }) => {
            if !request.lookup_only {
                opt_out(app, &token, address, message, now).await?;
            }
            Ok(RecordHitResponse::default())
        }
        _ => Err(no_such_link()),
    }
}

/// The same answer for every kind of wrong token: it says nothing about anybody.
fn no_such_link() -> Error {
    Error::not_found("the link")
}

/// Every hit is an event of its own.
async fn engage(
    app: &App,
    token: &Token,
    message: &Tracked,
    event: &str,
    user_agent: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let machine = is_machine(message.accepted_at, now, user_agent);
    let id = app.runtime.ids.uuid();
    let mut attributes = about(token.message, &message.template, &message.orchestration, &message.step);
    attributes.insert("is_machine".to_owned(), Value::Boolean(machine));
    let engagement = Engagement {
        profile: message.profile,
        message: token.message,
        events: vec![event.to_owned()],
        seed: id.to_string(),
        at: now,
        activity: !machine,
        attributes,
    };
    let row = row(token.project, id, &engagement, None)?;
    app.db
        .write(async |txn| outbox::enqueue(txn, now, std::slice::from_ref(&row)).await)
        .await?;
    app.coordination.hints.notify(topic::ENGAGEMENT);
    Ok(())
}

/// Durable here before the answer; profile-store is told afterwards. After an erasure only the hash is left to keep.
async fn opt_out(
    app: &App,
    token: &Token,
    address: AddressHash,
    message: Option<Tracked>,
    now: Timestamp,
) -> Result<(), Error> {
    let known = message.and_then(|message| {
        let recipient = message.recipient?;
        Some(OptOut {
            profile: message.profile,
            message: token.message,
            address_key: email_key(&recipient),
            at: now,
        })
    });
    let row = known.map(|opt_out| {
        Ok::<_, Error>(outbox::Message {
            project: token.project,
            id: app.runtime.ids.uuid(),
            topic: OPT_OUT.to_owned(),
            key: opt_out.profile.to_string(),
            payload: serde_json::to_value(&opt_out).map_err(Error::internal)?,
            traceparent: None,
            available_at: now,
        })
    });
    let row = row.transpose()?;
    app.db
        .write(async |txn| {
            let news = store::address::opt_out(txn, (token.project, address), token.message, now).await?;
            if let Some(row) = row.as_ref().filter(|_| news) {
                outbox::enqueue(txn, now, std::slice::from_ref(row)).await?;
            }
            Ok(())
        })
        .await?;
    app.coordination.hints.notify(topic::OPT_OUTS);
    Ok(())
}
