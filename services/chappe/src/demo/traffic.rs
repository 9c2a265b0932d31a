//! Sends the calls and checks every answer.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use chappe_kit::{Clock, Timestamp};
use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::calls::Call;
use crate::{
    client::{Client, Refusal},
    import,
};

const PATH: &str = "/2.11/profiles/update";

/// What came of the calls.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// When the call that carried an order was answered.
    pub(super) accepted: HashMap<u64, Timestamp>,
    pub(super) calls: u64,
    pub(super) events: u64,
    pub(super) refused: u64,
    /// Longest time from the beginning of a call to the end of the next one of its lane.
    pub(super) longest_gap: Duration,
    pub(super) discrepancies: Vec<String>,
}

/// Sends all lanes at the same time, together `rate` events a second, the calls of a lane one after the other. At
/// its end every lane repeats its first call, as a client would whose answer got lost.
pub(super) async fn send(
    client: &Client,
    clock: &Clock,
    lanes: &[Vec<Call>],
    rate: u32,
    bar: &ProgressBar,
) -> Result<Traffic> {
    let share = Duration::from_secs(u64::try_from(lanes.len())?) / rate;
    let lanes = lanes.iter().map(|calls| lane(client, clock, calls, share, bar));
    let lanes = try_join_all(lanes).await?;
    Ok(lanes.into_iter().fold(Traffic::default(), Traffic::merge))
}

/// `share` is the time an event takes.
async fn lane(client: &Client, clock: &Clock, calls: &[Call], share: Duration, bar: &ProgressBar) -> Result<Traffic> {
    let mut traffic = Traffic::default();
    let mut previous = None;
    let started = Instant::now();
    let mut due = Duration::ZERO;
    for call in calls {
        import::pause(due.saturating_sub(started.elapsed())).await;
        due += share * u32::try_from(call.events)?;
        let begun = Instant::now();
        traffic.check(call, &post(client, &call.body).await?);
        let answered = clock.now();
        traffic
            .accepted
            .extend(call.orders.iter().map(|order| (*order, answered)));
        traffic.events += call.events;
        traffic.longest_gap = traffic.longest_gap.max(previous.unwrap_or(begun).elapsed());
        previous = Some(begun);
        bar.inc(call.events);
    }
    if let Some(first) = calls.first() {
        traffic.check(first, &post(client, &first.body).await?);
    }
    Ok(traffic)
}

/// One call of updates.
pub(super) async fn post(client: &Client, body: &[Json]) -> Result<Json> {
    import::post(client, PATH, &body).await?.map_err(Refusal::into_error)
}

impl Traffic {
    /// The answer must name exactly what is wrong.
    fn check(&mut self, call: &Call, answer: &Json) {
        self.calls += 1;
        self.refused += u64::try_from(call.errors.len()).unwrap_or_default();
        let code = if call.errors.is_empty() {
            "SUCCESS"
        } else {
            "SUCCESS_WITH_PARTIAL_ERRORS"
        };
        if answer["code"] != code {
            self.discrepancies
                .push(format!("a call was answered {} instead of {code}", answer["code"]));
        }
        let told = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let missing = call.errors.iter().filter(|error| !told.contains(error));
        let missing = missing.map(|error| format!("the answer does not refuse {error}"));
        let wrong = told.iter().filter(|error| !call.errors.contains(error));
        let wrong = wrong.map(|error| format!("the answer refuses what is right: {error}"));
        self.discrepancies.extend(missing.chain(wrong));
    }

    fn merge(mut self, lane: Self) -> Self {
        self.accepted.extend(lane.accepted);
        self.calls += lane.calls;
        self.events += lane.events;
        self.refused += lane.refused;
        self.longest_gap = self.longest_gap.max(lane.longest_gap);
        self.discrepancies.extend(lane.discrepancies);
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_must_name_exactly_what_is_wrong() {
        let error =
            |index| json!({"category": "identifier", "bulk_index": index, "reason": "custom_id is blocklisted"});
        let call = Call {
            errors: vec![error(3)],
            ..Call::default()
        };
        let faults = |answer: Json| {
            let mut traffic = Traffic::default();
            traffic.check(&call, &answer);
            traffic.discrepancies.len()
        };
        assert_eq!(
            faults(json!({"code": "SUCCESS_WITH_PARTIAL_ERRORS", "errors": [error(3)]})),
            0
        );
        assert_eq!(
            faults(json!({"code": "SUCCESS_WITH_PARTIAL_ERRORS", "errors": [error(4)]})),
            2
        );
        assert_eq!(faults(json!({"code": "SUCCESS"})), 2);
    }
}
