//! Opt-outs reach profile-store within a second.

use std::{sync::Arc, time::Duration};

use chappe_kit::{Error, grpc::call};
use chappe_proto::profile::{Event, OptOutRequest};
use chappe_query::wire;
use chappe_store::outbox;

use super::{claim, failed, repeat};
use crate::{
    app::{App, topic},
    domain::engagement::{OptOut, about, event_id},
    rpc::timestamp,
    store::{self, outcome::OPT_OUT},
};

/// Rows of one claim.
const LIMIT: u32 = 100;
/// The longest pause between tries: a person is waiting for this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(app: Arc<App>) {
    let hints = app.coordination.hints.subscribe(topic::OPT_OUTS);
    repeat(&app, hints, "handing opt-outs over", once).await;
}

/// One claim; tells how many rows were handed over.
pub(crate) async fn once(app: &App) -> Result<usize, Error> {
    let claimed = claim(app, OPT_OUT, LIMIT).await?;
    let mut done = 0;
    for row in &claimed.rows {
        match hand_over(app, row).await {
            Ok(address) => {
                let acknowledge = app.db.write(async |txn| {
                    outbox::ack(txn, claimed.claim, &[row.id()]).await?;
                    store::address::opt_out_relayed(txn, &[address]).await
                });
                acknowledge.await?;
                done += 1;
            }
            Err(error) => {
                failed(app, claimed.claim, std::slice::from_ref(row), &error, LONGEST_PAUSE).await?;
                error.log("handing an opt-out over");
            }
        }
    }
    Ok(done)
}

async fn hand_over(app: &App, row: &outbox::Row) -> Result<store::address::AddressRef, Error> {
    let project = row.message.project;
    let opt_out: OptOut = serde_json::from_value(row.message.payload.clone()).map_err(Error::internal)?;
    let event = Event {
        event_id: event_id(project, opt_out.message, "email_unsubscribe", "").to_string(),
        name: "email_unsubscribe".to_owned(),
        time: Some(timestamp(opt_out.at)),
        attributes: wire::attributes_to_proto(&about(opt_out.message, "", "", "")),
    };
    let request = OptOutRequest {
        address_key: opt_out.address_key.clone(),
        at: Some(timestamp(opt_out.at)),
        profile_id: opt_out.profile.to_string(),
        event: Some(event),
    };
    app.profiles.clone().opt_out(call(project, request)).await?;
    Ok((project, app.address_hash(project, &opt_out.address_key)))
}
