use std::{
    fmt::Display,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, Status, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;

use super::TraceContext;
use crate::Error;

pub use opentelemetry::trace::SpanKind as Kind;

/// What records spans; not set while traces are off.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Records spans from now on. The process has one collector.
pub(crate) fn record_with(tracer: SdkTracer) -> Result<(), Error> {
    TRACER
        .set(tracer)
        .map_err(|_| Error::internal("traces were set up already"))
}

/// Some work in a trace. It ends when its last clone is dropped. Where nothing is recorded it is empty and costs
/// nothing: neither names nor attributes are copied or printed.
///
/// No attribute may tell who somebody is: neither addresses nor custom ids, and nothing of what a client sent. Ids of
/// profiles, messages and automations may stand there, as in logs.
#[derive(Clone, Debug, Default)]
pub struct Span(Option<Arc<Recorded>>);

#[derive(Debug)]
struct Recorded {
    context: TraceContext,
    span: Mutex<opentelemetry_sdk::trace::Span>,
}

impl Span {
    /// Work for a call from outside: a child of the caller's span, or the beginning of a trace. Also tells the context of
    /// everything done for the call, which there is in any case.
    pub fn enter(kind: Kind, name: impl Display, caller: Option<TraceContext>) -> (Self, TraceContext) {
        let span = match caller {
            Some(caller) => Self::child(kind, name, caller),
            None => Self::begin(kind, name, &Context::new()),
        };
        let context = span.context().or(caller);
        (span, context.unwrap_or_else(TraceContext::unsampled))
    }

    /// Work for other work.
    pub fn child(kind: Kind, name: impl Display, parent: TraceContext) -> Self {
        if !parent.is_sampled() || !Self::are_recorded() {
            return Self::default();
        }
        Self::begin(kind, name, &Context::new().with_remote_span_context(parent.to_parent()))
    }

    /// Work that was left for later with a `traceparent`; empty text is none.
    pub fn resume(kind: Kind, name: impl Display, traceparent: &str) -> Self {
        if traceparent.is_empty() {
            return Self::default();
        }
        TraceContext::parse(traceparent).map_or_else(Self::default, |parent| Self::child(kind, name, parent))
    }

    fn begin(kind: Kind, name: impl Display, parent: &Context) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self::default();
        };
        let builder = tracer.span_builder(name.to_string()).with_kind(kind);
        let span = tracer.build_with_context(builder, parent);
        let context = TraceContext::of(span.span_context());
        let recorded = || Recorded {
            context,
            span: Mutex::new(span),
        };
        Self(context.is_sampled().then(|| Arc::new(recorded())))
    }

    /// The context of work done as part of this; `None` where nothing is recorded.
    pub fn context(&self) -> Option<TraceContext> {
        self.0.as_ref().map(|recorded| recorded.context)
    }

    /// What work that is left for later resumes from: this, or what led here where nothing is recorded.
    pub fn traceparent_or(&self, otherwise: String) -> String {
        self.context().map_or(otherwise, |context| context.to_string())
    }

    /// Whether traces are on.
    pub(crate) fn are_recorded() -> bool {
        TRACER.get().is_some()
    }

    /// Whether attributes are kept.
    pub fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Sets an attribute to a text.
    pub fn set(&self, key: &'static str, value: impl Display) {
        if self.is_recording() {
            self.add(KeyValue::new(key, value.to_string()));
        }
    }

    /// Sets an attribute to a number.
    pub fn count(&self, key: &'static str, value: impl TryInto<i64>) {
        if self.is_recording() {
            self.add(KeyValue::new(key, value.try_into().unwrap_or(i64::MAX)));
        }
    }

    /// The work failed, for a reason of which there are few.
    pub fn fail(&self, reason: impl Display) {
        if let Some(recorded) = &self.0 {
            self.set("error.type", reason);
            let mut span = recorded.span.lock().unwrap_or_else(PoisonError::into_inner);
            span.set_status(Status::error(""));
        }
    }

    fn add(&self, attribute: KeyValue) {
        if let Some(recorded) = &self.0 {
            let mut span = recorded.span.lock().unwrap_or_else(PoisonError::into_inner);
            span.set_attribute(attribute);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn while_traces_are_off_the_trace_of_the_caller_goes_through() {
        let caller = TraceContext::parse(SAMPLED);
        let (span, trace) = Span::enter(Kind::Server, "a call", caller);
        assert!(!span.is_recording());
        assert_eq!(Some(trace), caller);
        let (_, begun) = Span::enter(Kind::Server, "a call", None);
        assert!(!begun.is_sampled());
        let later = Span::resume(Kind::Consumer, "later", SAMPLED);
        assert_eq!(later.traceparent_or(SAMPLED.to_owned()), SAMPLED);
    }
}
