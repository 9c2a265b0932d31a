//! Native events reach profile-store in batches per project.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chappe_ids::{ClaimId, ProjectId};
use chappe_kit::{Error, grpc::call};
use chappe_proto::profile::{self, Event, ReportEngagementRequest};
use chappe_query::wire;
use chappe_store::outbox;

use super::{claim, failed, repeat};
use crate::{
    app::{App, topic},
    domain::engagement::{Engagement, event_id},
    rpc::timestamp,
    store::outcome::ENGAGEMENT,
};

/// Rows of one claim: each becomes at most two items, and a report takes 1,000.
const LIMIT: u32 = 500;
/// The longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(crate) async fn run(app: Arc<App>) {
    let hints = app.coordination.hints.subscribe(topic::ENGAGEMENT);
    repeat(&app, hints, "handing engagement over", once).await;
}

/// One claim; tells how many rows were handed over.
pub(crate) async fn once(app: &App) -> Result<usize, Error> {
    let claimed = claim(app, ENGAGEMENT, LIMIT).await?;
    let mut projects: BTreeMap<ProjectId, Vec<outbox::Row>> = BTreeMap::new();
    for row in claimed.rows {
        projects.entry(row.message.project).or_default().push(row);
    }
    let mut done = 0;
    for (project, rows) in projects {
        done += hand_over(app, claimed.claim, project, &rows).await?;
    }
    Ok(done)
}

/// Hands rows over together, and where that is refused one by one, so that a bad one holds up nobody.
async fn hand_over(app: &App, claim: ClaimId, project: ProjectId, rows: &[outbox::Row]) -> Result<usize, Error> {
    let error = match report(app, project, rows).await {
        Ok(()) => {
            let ids: Vec<_> = rows.iter().map(outbox::Row::id).collect();
            app.db.write(async |txn| outbox::ack(txn, claim, &ids).await).await?;
            return Ok(rows.len());
        }
        Err(error) => error,
    };
    if error.kind().is_retryable() || rows.len() == 1 {
        failed(app, claim, rows, &error, LONGEST_PAUSE).await?;
        error.log("reporting engagement");
        return Ok(0);
    }
    let mut done = 0;
    for row in rows {
        done += Box::pin(hand_over(app, claim, project, std::slice::from_ref(row))).await?;
    }
    Ok(done)
}

async fn report(app: &App, project: ProjectId, rows: &[outbox::Row]) -> Result<(), Error> {
    let mut items = Vec::with_capacity(rows.len() * 2);
    for row in rows {
        let engagement: Engagement = serde_json::from_value(row.message.payload.clone()).map_err(Error::internal)?;
        items.extend(engagement.events.iter().map(|event| item(project, &engagement, event)));
    }
    app.profiles
        .clone()
        .report_engagement(call(project, ReportEngagementRequest { items }))
        .await?;
    Ok(())
}

fn item(project: ProjectId, engagement: &Engagement, event: &str) -> profile::Engagement {
    let event = Event {
        event_id: event_id(project, engagement.message, event, &engagement.seed).to_string(),
        name: event.to_owned(),
        time: Some(timestamp(engagement.at)),
        attributes: wire::attributes_to_proto(&engagement.attributes),
    };
    profile::Engagement {
        profile_id: engagement.profile.to_string(),
        event: Some(event),
        activity: engagement.activity,
    }
}
