//! What is counted.

use metrics::counter;

pub(crate) fn request_done(kind: &'static str) {
    counter!("chappe_privacy_requests_done_total", "kind" => kind).increment(1);
}

pub(crate) fn request_postponed() {
    counter!("chappe_privacy_requests_postponed_total").increment(1);
}

pub(crate) fn run_finished(state: &'static str) {
    counter!("chappe_privacy_inactivity_runs_finished_total", "state" => state).increment(1);
}

pub(crate) fn profiles_deleted(count: u64) {
    counter!("chappe_privacy_inactivity_deleted_total").increment(count);
}

/// `brake` is one of the five names that the contract lists.
pub(crate) fn brake_tripped(brake: &str) {
    counter!("chappe_privacy_inactivity_brake_trips_total", "brake" => brake.to_owned()).increment(1);
}

pub(crate) fn audit_broken() {
    counter!("chappe_privacy_audit_broken_total").increment(1);
}
