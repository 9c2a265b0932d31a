//! One error type for everything that crosses a service boundary.
//!
//! The message is for the caller; the cause stays inside and goes to the log. `Internal` and
//! `Unavailable` say a fixed sentence, so that no SQL, host name or personal data can leave with them.

mod best_effort;
mod kind;
mod status;

use std::time::Duration;

pub use best_effort::BestEffort;
#[expect(
    clippy::module_name_repetitions,
    reason = "a bare Kind says nothing where it is used"
)]
pub use kind::ErrorKind;

/// The domain of every [`tonic_types::ErrorInfo`] that Chappe sends.
pub const DOMAIN: &str = "chappe";

/// How long a caller should wait before it tries an unavailable service again.
pub const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failure with its kind, a machine-readable reason and a sentence for the caller.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    reason: &'static str,
    message: String,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    source: Option<Source>,
}

/// One field that is wrong, by its path in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `steps[2].send.template`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl Error {
    /// A failure of the given kind. The reason is upper snake case and listed in `docs/errors.md`.
    pub fn new(kind: ErrorKind, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// A request that can never succeed as it is.
    pub fn invalid(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, reason, message)
    }

    /// One wrong field.
    pub fn invalid_field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::invalid_fields(vec![Violation {
            field: field.into(),
            description: description.into(),
        }])
    }

    /// Several wrong fields: one round trip tells all.
    pub fn invalid_fields(violations: Vec<Violation>) -> Self {
        let message = violations
            .iter()
            .map(|v| format!("{}: {}", v.field, v.description))
            .collect::<Vec<_>>()
            .join("; ");
        let mut error = Self::new(ErrorKind::InvalidArgument, "INVALID_FIELD", message);
        error.0.violations = violations;
        error
    }

    /// No such thing in this project.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, "NOT_FOUND", format!("{what} not found"))
    }

    /// Our fault; the cause is logged, never sent.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::new(ErrorKind::Internal, "INTERNAL", "an unexpected error occurred").because(source)
    }

    /// Something needed is not there right now; the cause is logged, never sent.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::new(
            ErrorKind::Unavailable,
            "UNAVAILABLE",
            "the service is temporarily unavailable",
        )
        .because(source)
        .retry_after(RETRY_UNAVAILABLE)
    }

    /// Adds the cause inside.
    #[must_use]
    pub fn because(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Tells the caller how long to wait.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The machine-readable reason.
    pub fn reason(&self) -> &str {
        self.0.reason
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The wrong fields, if that is what it is about.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// How long the caller should wait, if it is known.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Logs the failure once, at the level of its kind, with its cause.
    pub fn log(&self, doing: &str) {
        let cause = self.0.source.as_deref().map(tracing::field::display);
        match self.0.kind.level() {
            tracing::Level::ERROR => tracing::error!(
                error.reason = self.0.reason,
                error.cause = cause,
                "{doing} failed: {self}"
            ),
            tracing::Level::WARN => tracing::warn!(
                error.reason = self.0.reason,
                error.cause = cause,
                "{doing} failed: {self}"
            ),
            tracing::Level::INFO => tracing::info!(
                error.reason = self.0.reason,
                error.cause = cause,
                "{doing} failed: {self}"
            ),
            _ => tracing::debug!(
                error.reason = self.0.reason,
                error.cause = cause,
                "{doing} failed: {self}"
            ),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
