use std::fmt;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

/// The place of some work in a trace (W3C Trace Context, <https://www.w3.org/TR/trace-context/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: TraceId,
    span: SpanId,
    is_sampled: bool,
}

/// Length of a version 00 traceparent (W3C Trace Context §3.2).
const LENGTH: usize = 55;

impl TraceContext {
    /// Reads a `traceparent`; `None` where it is not one. Of a later version only what version 00 has is read.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let is_hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_long_enough = match bytes.len() {
            LENGTH => true,
            longer => longer > LENGTH && bytes[LENGTH] == b'-' && !text.starts_with("00"),
        };
        let is_well_formed = is_long_enough
            && [2, 35, 52].iter().all(|place| bytes[*place] == b'-')
            && [0..2, 3..35, 36..52, 53..LENGTH]
                .into_iter()
                .all(|part| is_hex(&bytes[part]))
            && !text.starts_with("ff");
        if !is_well_formed {
            return None;
        }
        let context = Self {
            trace: TraceId::from_hex(&text[3..35]).ok()?,
            span: SpanId::from_hex(&text[36..52]).ok()?,
            is_sampled: u8::from_str_radix(&text[53..LENGTH], 16).ok()? & 1 == 1,
        };
        (context.trace != TraceId::INVALID && context.span != SpanId::INVALID).then_some(context)
    }

    /// A trace that names work in logs and nowhere else.
    pub fn unsampled() -> Self {
        let ids = RandomIdGenerator::default();
        Self {
            trace: ids.new_trace_id(),
            span: ids.new_span_id(),
            is_sampled: false,
        }
    }

    /// What names the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> impl fmt::Display + fmt::Debug + use<> {
        self.trace
    }

    /// Whether spans of the trace are recorded.
    pub fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    pub(super) fn of(context: &SpanContext) -> Self {
        Self {
            trace: context.trace_id(),
            span: context.span_id(),
            is_sampled: context.is_sampled(),
        }
    }

    pub(super) fn to_parent(self) -> SpanContext {
        let flags = TraceFlags::default().with_sampled(self.is_sampled);
        SpanContext::new(self.trace, self.span, flags, true, TraceState::NONE)
    }
}

/// As a `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_read_is_written_again() {
        for text in [GIVEN, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"] {
            let context = TraceContext::parse(text).unwrap();
            assert_eq!(context.to_string(), text);
            assert_eq!(context.is_sampled(), text.ends_with('1'));
            assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        }
        let fresh = TraceContext::unsampled();
        assert_eq!(TraceContext::parse(&fresh.to_string()), Some(fresh));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = GIVEN.replacen("00", "01", 1);
        for text in [later.clone(), format!("{later}-more")] {
            assert_eq!(TraceContext::parse(&text).unwrap().to_string(), GIVEN);
        }
    }

    #[test]
    fn anything_else_is_no_context() {
        let broken = [
            String::new(),
            GIVEN[..54].to_owned(),
            format!("{GIVEN}-more"),
            format!("01{}.", &GIVEN[2..]),
            GIVEN.replacen("00", "ff", 1),
            GIVEN.to_uppercase(),
            GIVEN.replace('-', "+"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01".to_owned(),
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01".to_owned(),
            format!("{}é", &GIVEN[..53]),
        ];
        for text in broken {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }
}
