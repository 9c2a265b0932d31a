//! Trying again, above the stub, where a message is still a message.

use std::{future::Future, time::Duration};

use crate::{Error, ErrorKind};

use super::context;

/// Tries before giving up.
const MAX_ATTEMPTS: u32 = 4;
/// First delay; doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(20);

/// Repeats an idempotent call while its failure says that repeating helps, with growing delays, inside
/// the deadline of the call being served.
pub async fn retrying<T, F, Fut>(mut call: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, tonic::Status>>,
{
    let mut delay = FIRST_DELAY;
    let mut attempt = 1;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(status) => Error::from(status),
        };
        let helps = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Aborted);
        if !helps || attempt == MAX_ATTEMPTS || context::remaining(Duration::MAX) <= delay {
            return Err(error);
        }
        #[expect(clippy::disallowed_methods, reason = "backing off between tries")]
        tokio::time::sleep(delay).await;
        delay *= 2;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Status;

    #[tokio::test(start_paused = true)]
    async fn only_what_may_pass_is_repeated() {
        let mut calls = 0;
        let refused = retrying(|| {
            calls += 1;
            async { Err::<(), _>(Status::invalid_argument("no")) }
        });
        assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(calls, 1);

        let mut calls = 0;
        let healed = retrying(|| {
            calls += 1;
            let answer = if calls < 3 {
                Err(Status::unavailable("down"))
            } else {
                Ok(calls)
            };
            async move { answer }
        });
        assert_eq!(healed.await.unwrap(), 3);
    }
}
