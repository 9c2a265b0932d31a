//! Takes messages over.

use std::collections::{BTreeSet, HashMap};

use chappe_ids::ProjectId;
use chappe_kit::{Error, Violation};
use chappe_proto::email::{EnqueueRequest, EnqueueResponse};
use chappe_store::retired;

use super::convert;
use crate::{
    app::{App, topic},
    domain::{
        message::NewMessage,
        resource::{Kind, SenderSpec},
    },
    store::{self, message::Enqueued, resource::Resource},
};

/// Messages of one call.
const MAX_MESSAGES: usize = 1_000;

pub(super) async fn enqueue(app: &App, project: ProjectId, request: EnqueueRequest) -> Result<EnqueueResponse, Error> {
    convert::at_most("messages", request.messages.len(), MAX_MESSAGES)?;
    let messages = convert::messages(request.messages)?;
    if messages.is_empty() {
        return Ok(EnqueueResponse::default());
    }
    let now = app.now();
    let enqueued = app
        .db
        .write(async |txn| {
            let messages = living(txn, project, &messages).await?;
            let names = messages.iter().flat_map(|it| {
                [
                    (Kind::Template, it.template.as_str()),
                    (Kind::Sender, it.sender.as_str()),
                ]
            });
            let names: Vec<_> = names.collect::<BTreeSet<_>>().into_iter().collect();
            let known = store::resource::find(txn, project, &names).await?;
            let matched = messages
                .iter()
                .enumerate()
                .map(|(index, message)| matched(&known, index, message));
            let (matched, unknown): (Vec<_>, Vec<_>) = matched.partition(Result::is_ok);
            let violations: Vec<_> = unknown.into_iter().filter_map(Result::err).flatten().collect();
            if !violations.is_empty() {
                return Err(Error::invalid_fields(violations));
            }
            let matched: Vec<_> = matched.into_iter().filter_map(Result::ok).collect();
            store::message::insert(txn, project, &matched, now).await
        })
        .await?;
    if enqueued > 0 {
        app.coordination.hints.notify(topic::MESSAGES);
        metrics::counter!("chappe_email_sender_enqueued_total").increment(enqueued);
    }
    Ok(EnqueueResponse {
        enqueued: i32::try_from(enqueued).unwrap_or(i32::MAX),
    })
}

/// Messages to profiles that are there: those to deleted ones are dropped, those to merged ones follow.
async fn living(
    txn: &sea_orm::DatabaseTransaction,
    project: ProjectId,
    messages: &[NewMessage],
) -> Result<Vec<NewMessage>, Error> {
    let ids: BTreeSet<_> = messages.iter().map(|it| it.profile).collect();
    let retired = retired::lookup(txn, project, &ids.into_iter().collect::<Vec<_>>()).await?;
    let follow = |message: &NewMessage| match retired.get(&message.profile) {
        None => Some(message.clone()),
        Some(retired) => Some(NewMessage {
            profile: retired.moved_to?,
            ..message.clone()
        }),
    };
    Ok(messages.iter().filter_map(follow).collect())
}

fn matched<'a>(
    known: &HashMap<(Kind, String), Resource>,
    index: usize,
    message: &'a NewMessage,
) -> Result<Enqueued<'a>, Vec<Violation>> {
    let find = |kind: Kind, name: &str| known.get(&(kind, name.to_owned())).filter(|it| !it.deleted);
    let (template, sender) = (
        find(Kind::Template, &message.template),
        find(Kind::Sender, &message.sender),
    );
    let sender_spec = sender.and_then(|it| SenderSpec::parse(&it.spec).ok());
    if let (Some(template), Some(sender), Some(spec)) = (template, sender, sender_spec) {
        return Ok(Enqueued {
            message,
            template_version: template.version,
            sender_version: sender.version,
            class: spec.class,
        });
    }
    let unknown = |field: &str, kind: Kind, name: &str| Violation {
        field: format!("messages[{index}].{field}"),
        description: format!("there is no {} named {name}; apply it first", kind.name()),
    };
    let template = template
        .is_none()
        .then(|| unknown("template", Kind::Template, &message.template));
    let sender = sender
        .is_none()
        .then(|| unknown("sender", Kind::Sender, &message.sender));
    Err(template.into_iter().chain(sender).collect())
}
