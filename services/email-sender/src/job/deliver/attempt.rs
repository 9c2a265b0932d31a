//! The last look and the mark: what is suppressed is skipped, the rest is marked as being attempted, in one transaction
//! under the claim. After its commit the first octet may leave.

use std::collections::{HashMap, HashSet};

use chappe_ids::ClaimId;
use chappe_kit::{Error, Timestamp};

use super::{
    decide::skip,
    record,
    render::{Letter, RenderedBatch},
};
use crate::{
    app::App,
    domain::{
        decision::Skip,
        message::{Claimed, Class, State},
        token::AddressHash,
    },
    store::{
        self,
        address::Blocks,
        attempt::{Attempt, Verdict},
    },
};

/// A batch of which every message is marked.
pub(super) struct AttemptedBatch {
    pub(super) claim: ClaimId,
    pub(super) read_at: Timestamp,
    pub(super) letters: Vec<Letter>,
}

pub(super) async fn mark(app: &App, batch: RenderedBatch) -> Result<AttemptedBatch, Error> {
    let RenderedBatch {
        claim,
        read_at,
        letters,
        skipped,
        failed,
    } = batch;
    let addresses: Vec<_> = letters
        .iter()
        .map(|it| (it.message.project, it.hash))
        .chain(failed.iter().map(|(message, hash)| (message.project, *hash)))
        .collect();
    let now = app.now();
    let marked: HashSet<_> = app
        .db
        .write(async |txn| {
            let blocks = store::address::blocks(txn, &addresses).await?;
            let mut skipped = skipped.clone();
            let unwritten = failed
                .iter()
                .map(|(message, hash)| skip(message, blocked(&blocks, message, *hash).unwrap_or(Skip::RenderError)));
            skipped.extend(unwritten);
            let mut attempts = Vec::with_capacity(letters.len());
            for letter in &letters {
                match blocked(&blocks, &letter.message, letter.hash) {
                    Some(reason) => skipped.push(skip(&letter.message, reason)),
                    None => attempts.push(attempt(letter)),
                }
            }
            write_skips(txn, claim, &skipped, now).await?;
            store::attempt::mark(txn, claim, &attempts).await
        })
        .await?
        .into_iter()
        .collect();
    record::announce(app, letters.len() + skipped.len() + failed.len() > marked.len());
    let letters = letters
        .into_iter()
        .filter(|letter| marked.contains(&letter.message.key()))
        .collect();
    Ok(AttemptedBatch {
        claim,
        read_at,
        letters,
    })
}

async fn write_skips(
    txn: &sea_orm::DatabaseTransaction,
    claim: ClaimId,
    skipped: &[Verdict],
    now: Timestamp,
) -> Result<(), Error> {
    let finished = store::attempt::record(txn, claim, State::Claimed, skipped, now).await?;
    let events: HashMap<_, _> = skipped.iter().map(|it| (it.message, it.events.clone())).collect();
    store::outcome::report(txn, &finished, &events, now).await
}

fn attempt(letter: &Letter) -> Attempt {
    Attempt {
        message: letter.message.key(),
        profile: letter.profile,
        recipient: letter.envelope.rcpt_to.clone(),
        links: letter.links.clone(),
        first_attempt_at: letter.first_attempt_at,
    }
}

/// Whether something is known against writing to the address.
fn blocked(blocks: &Blocks, message: &Claimed, hash: AddressHash) -> Option<Skip> {
    let address = (message.project, hash);
    if message.class == Class::Marketing && blocks.opted_out.contains(&address) {
        return Some(Skip::NotSubscribed);
    }
    let classes = blocks.suppressed.get(&address).copied().unwrap_or_default();
    (classes & message.class.code() != 0).then_some(Skip::Suppressed)
}
