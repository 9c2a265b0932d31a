use std::time::Duration;

/// The pause after the first failure; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause: an erasure is to be done soon after the last service is back.
const LONGEST: Duration = Duration::from_mins(1);

/// How long to wait after so many failures in a row.
pub(crate) fn after(failures: i64) -> Duration {
    let doublings = u32::try_from(failures.max(1) - 1).unwrap_or(u32::MAX).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<_> = (0..9).map(|failures| after(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(after(i64::MAX), LONGEST);
    }
}
