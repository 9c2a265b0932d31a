//! Rate limits: what a call costs, and what the client hears about it.

use axum::{http::HeaderName, response::Response};
use chappe_coordination::{Bucket, Coordination, Decision, Limits};
use chappe_ids::ProjectId;
use chappe_kit::{Error, ErrorKind};

use crate::config::Preset;

/// A bucket of each project, with the numbers of Batch's public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// Small updates of profiles; counts profiles.
    ProfilesUpdate,
    /// Large ones.
    ProfilesMassUpdate,
    /// Everything else; counts calls.
    Default,
}

impl Budget {
    const fn name(self) -> &'static str {
        match self {
            Self::ProfilesUpdate => "profiles-update",
            Self::ProfilesMassUpdate => "profiles-mass-update",
            Self::Default => "default",
        }
    }

    /// Tokens a second, and tokens when full.
    const fn size(self) -> (f64, u64) {
        match self {
            Self::ProfilesUpdate => (300.0, 1_000),
            Self::ProfilesMassUpdate => (10_000.0, 10_000),
            Self::Default => (10.0, 20),
        }
    }
}

/// Takes tokens, if the preset says so.
pub(crate) struct Limiter {
    limits: Limits,
    preset: Preset,
}

impl Limiter {
    pub(crate) fn new(coordination: Coordination, preset: Preset) -> Self {
        Self {
            limits: coordination.limits,
            preset,
        }
    }

    /// Takes the cost of a call, at least one token.
    pub(crate) async fn take(&self, project: ProjectId, budget: Budget, cost: impl FnOnce() -> usize) -> Quota {
        if self.preset == Preset::Off {
            return Quota(None);
        }
        let (rate_per_sec, capacity) = budget.size();
        let bucket = Bucket {
            key: format!("{project}:{}", budget.name()),
            rate_per_sec,
            capacity,
        };
        let cost = u64::try_from(cost()).unwrap_or(u64::MAX).max(1);
        Quota(Some((self.limits.take(&bucket, cost).await, capacity)))
    }
}

/// What the limiter said: the decision and the capacity; nothing where there is no limit.
pub(crate) struct Quota(Option<(Decision, u64)>);

impl Quota {
    /// Refuses the call if its tokens were not there.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.0 {
            Some((decision, _)) if !decision.allowed => {
                let error = Error::new(ErrorKind::ResourceExhausted, "RATE_LIMITED", "too many requests");
                Err(error.retry_after(decision.retry_after.unwrap_or_default()))
            }
            _ => Ok(()),
        }
    }

    /// Tells the client how much is left.
    pub(crate) fn tell(&self, mut response: Response) -> Response {
        if let Some((decision, capacity)) = &self.0 {
            let reset = decision.reset_after.as_secs_f64().ceil();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and not negative"
            )]
            let told = [
                ("x-ratelimit-limit", *capacity),
                ("x-ratelimit-remaining", decision.remaining),
                ("x-ratelimit-reset", reset as u64),
            ];
            for (name, value) in told {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value.into());
            }
        }
        response
    }
}
