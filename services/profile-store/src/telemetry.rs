//! What the service counts. Labels are closed sets, never a project or a person.

use crate::domain::fold::Outcome;

/// Counts what a committed batch did.
pub(crate) fn applied(outcome: &Outcome<'_>) {
    let (mut stored, mut duplicate) = (0, 0);
    for result in &outcome.results {
        stored += u64::from(result.events_applied);
        duplicate += u64::from(result.events_duplicate);
    }
    metrics::counter!("chappe_profile_store_events_total", "outcome" => "stored").increment(stored);
    metrics::counter!("chappe_profile_store_events_total", "outcome" => "duplicate").increment(duplicate);
    metrics::counter!("chappe_profile_store_feed_rows_total").increment(outcome.feed.len() as u64);
    metrics::counter!("chappe_profile_store_profiles_created_total").increment(outcome.created.len() as u64);
    metrics::counter!("chappe_profile_store_attributes_dropped_total").increment(outcome.dropped_attributes);
}

/// Counts what was deleted because its time was over.
pub(crate) fn purged(kind: &'static str, rows: u64) {
    metrics::counter!("chappe_profile_store_purged_rows_total", "kind" => kind).increment(rows);
}
