//! Whose trace some work belongs to, and the spans that tell of it.
//!
//! The trace travels with the work: in the context of a call (`grpc::context`), in the header `traceparent` between
//! services, and in a column of what is left for later. A span is made only where traces are on and the trace is sampled.

mod context;
mod span;

#[expect(
    clippy::module_name_repetitions,
    reason = "the name that the recommendation gives it"
)]
pub use context::TraceContext;
pub(crate) use span::record_with;
pub use span::{Kind, Span};
