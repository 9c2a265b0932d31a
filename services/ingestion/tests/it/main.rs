#![expect(clippy::unwrap_used, reason = "a failed set-up should stop the test where it stands")]

mod pipeline;
mod support;
