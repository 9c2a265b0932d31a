use std::{fmt::Debug, time::Duration};

use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longer than the longest lease, and what follows it.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often something is looked at that cannot tell when it changes.
const POLL: Duration = Duration::from_millis(50);

/// Looks until it is so, and gives what was seen then.
pub(crate) async fn until<T: Debug>(what: &str, look: impl AsyncFn() -> T, is_so: impl Fn(&T) -> bool) -> T {
    let mut pace = interval(POLL);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    let looked = async {
        loop {
            pace.tick().await;
            let seen = last.insert(look().await);
            if is_so(seen) {
                return;
            }
        }
    };
    let in_time = timeout(PATIENCE, looked).await.is_ok();
    assert!(in_time, "not so after {PATIENCE:?}: {what}; last seen {last:?}");
    last.unwrap()
}
