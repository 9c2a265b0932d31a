//! Writes the messages of a batch.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chappe_ids::{ClaimId, ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_smtp::Envelope;
use moka::future::Cache;
use serde_json::{Map, Value as Json};

use super::decide::{Decided, DecidedBatch, skip};
use crate::{
    app::App,
    domain::{
        decision::Skip,
        message::{Claimed, Version},
        resource::{Kind, SenderSpec, TemplateSpec},
        template::{Compiled, Context, RenderError},
        token::AddressHash,
    },
    store::{self, attempt::Verdict},
};

/// Messages written before others get a turn on this thread.
const TURN: usize = 16;

/// A message ready for the wire.
pub(super) struct Letter {
    pub(super) message: Claimed,
    pub(super) profile: ProfileId,
    pub(super) hash: AddressHash,
    pub(super) envelope: Envelope,
    pub(super) links: Vec<String>,
    /// Its Date: now, or that of its first attempt.
    pub(super) first_attempt_at: Timestamp,
}

/// A batch whose messages are written.
pub(super) struct RenderedBatch {
    pub(super) claim: ClaimId,
    pub(super) read_at: Timestamp,
    pub(super) letters: Vec<Letter>,
    pub(super) skipped: Vec<Verdict>,
    /// Those that could not be written, by their address: a suppression is the better reason.
    pub(super) failed: Vec<(Claimed, AddressHash)>,
}

/// A message that cannot be written for its recipient.
struct Failed {
    message: Claimed,
    hash: AddressHash,
    error: RenderError,
}

pub(super) async fn render(app: &App, batch: DecidedBatch) -> Result<RenderedBatch, Error> {
    let wanted = |version: fn(&Claimed) -> &Version| {
        let versions = batch
            .decided
            .iter()
            .map(|it| (it.message.project, version(&it.message).clone()));
        versions.collect::<BTreeSet<_>>()
    };
    let templates = load(app, &app.templates, Kind::Template, wanted(|it| &it.template), |spec| {
        TemplateSpec::parse(spec).and_then(|spec| Compiled::new(&spec)).ok()
    });
    let templates = templates.await?;
    let senders = load(app, &app.senders, Kind::Sender, wanted(|it| &it.sender), |spec| {
        SenderSpec::parse(spec).ok()
    });
    let senders = senders.await?;
    let now = app.now();
    let mut rendered = RenderedBatch {
        claim: batch.claim,
        read_at: batch.read_at,
        letters: Vec::with_capacity(batch.decided.len()),
        skipped: batch.skipped,
        failed: Vec::new(),
    };
    for (index, decided) in batch.decided.into_iter().enumerate() {
        if index % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        let key = |version: &Version| (decided.message.project, version.clone());
        let template = templates.get(&key(&decided.message.template));
        let sender = senders.get(&key(&decided.message.sender));
        let (Some(template), Some(sender)) = (template, sender) else {
            rendered.skipped.push(skip(&decided.message, Skip::RenderError));
            continue;
        };
        match write(app, template, sender, decided, now) {
            Ok(letter) => rendered.letters.push(letter),
            Err(failed) => {
                let Failed { message, hash, error } = *failed;
                tracing::info!(message.id = %message.id, template = %message.template.name, "a message cannot be rendered: {error}");
                rendered.failed.push((message, hash));
            }
        }
    }
    Ok(rendered)
}

fn write(
    app: &App,
    template: &Compiled,
    sender: &SenderSpec,
    decided: Decided,
    now: Timestamp,
) -> Result<Letter, Box<Failed>> {
    let Decided {
        mut message,
        profile,
        address,
        hash,
    } = decided;
    let unsubscribe_url = app.stationery.unsubscribe_url(&message, hash);
    let context = Arc::new(Context {
        attributes: profile.attributes,
        custom_id: profile.custom_id,
        event_name: message.event_name.clone(),
        event: std::mem::take(&mut message.event),
        unsubscribe_url,
    });
    let first_attempt_at = message.first_attempt_at.unwrap_or(now);
    let rendered = match template.render(&context) {
        Ok(rendered) => rendered,
        Err(error) => return Err(Box::new(Failed { message, hash, error })),
    };
    let letter = app.stationery.write(
        &message,
        sender,
        &address,
        rendered,
        &context.unsubscribe_url,
        first_attempt_at,
    );
    let envelope = Envelope {
        tag: message.id.as_uuid().as_u128(),
        mail_from: sender.address.clone(),
        rcpt_to: address,
        data: letter.data,
    };
    Ok(Letter {
        message,
        profile: profile.id,
        hash,
        envelope,
        links: letter.links,
        first_attempt_at,
    })
}

/// Versions from the cache, and those that are not there from the store, all in one read.
async fn load<T: Send + Sync + 'static>(
    app: &App,
    cache: &Cache<(ProjectId, Version), Arc<T>>,
    kind: Kind,
    wanted: BTreeSet<(ProjectId, Version)>,
    build: impl Fn(&Map<String, Json>) -> Option<T>,
) -> Result<HashMap<(ProjectId, Version), Arc<T>>, Error> {
    let (mut loaded, mut missing) = (HashMap::new(), Vec::new());
    for key in wanted {
        match cache.get(&key).await {
            Some(known) => {
                loaded.insert(key, known);
            }
            None => missing.push(key),
        }
    }
    if !missing.is_empty() {
        for (project, version, spec) in store::resource::versions(app.db.read(), kind, &missing).await? {
            // Checked when it was applied; a version that this release no longer takes fails its messages.
            if let Some(built) = build(&spec).map(Arc::new) {
                cache.insert((project, version.clone()), Arc::clone(&built)).await;
                loaded.insert((project, version), built);
            }
        }
    }
    Ok(loaded)
}
