use std::time::Duration;

use opentelemetry::{InstrumentationScope, KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    resource::TelemetryResourceDetector,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits},
};

use super::export::Exporter;
use crate::{Error, IdGen, trace};

/// Spans that wait for their export. Those that find no room are dropped.
const QUEUE: usize = 8_192;
/// Spans of one export.
const BATCH: usize = 512;
/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long the last export may take when the process ends.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// Where spans are sent, and how many.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesConfig {
    /// OTLP over gRPC, such as `http://collector:4317`; no spans are made when empty.
    pub endpoint: String,
    /// The share of traces begun here that is sampled, from 0 to 1. Whoever begins a trace elsewhere decides about it.
    pub sample_ratio: f64,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            sample_ratio: 1.0,
        }
    }
}

/// The way of spans to the collector.
#[must_use = "spans that wait are lost unless they are flushed"]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what waits, within a few seconds. Nothing is recorded any more.
    pub async fn flush(self) {
        if let Some(provider) = self.0 {
            let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_EXPORT)).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::warn!("the last spans could not be exported in time");
            }
        }
    }
}

/// Sets up traces for the process, on behalf of the service of this name. No environment variable of OpenTelemetry has a
/// say: settings are in one place. Needs a runtime of Tokio.
pub fn init_traces(config: &TracesConfig, service: &str, ids: &IdGen) -> Result<Traces, Error> {
    if config.endpoint.is_empty() {
        return Ok(Traces(None));
    }
    if !(0.0..=1.0).contains(&config.sample_ratio) {
        return Err(Error::invalid_field("traces.sample_ratio", "must be from 0 to 1"));
    }
    let resource = Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes([
            KeyValue::new("service.name", service.to_owned()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", ids.uuid().to_string()),
        ]);
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(GATHER);
    let batches = BatchSpanProcessor::builder(Exporter::new(&config.endpoint)?).with_batch_config(batches.build());
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_sampler(sampler(config.sample_ratio))
        .with_span_limits(SpanLimits::default())
        .with_span_processor(batches.build())
        .build();
    trace::record_with(provider.tracer_with_scope(InstrumentationScope::builder("chappe").build()))?;
    Ok(Traces(Some(provider)))
}

/// The parent decides; where there is none, the share.
fn sampler(ratio: f64) -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wrong_settings_are_refused() {
        let refused = |endpoint: &str, sample_ratio| {
            let config = TracesConfig {
                endpoint: endpoint.to_owned(),
                sample_ratio,
            };
            let refused = init_traces(&config, "chappe", &IdGen::system()).map(drop);
            refused.unwrap_err().violations()[0].field.clone()
        };
        assert_eq!(refused("https://collector:4317", 1.0), "traces.endpoint");
        assert_eq!(refused("collector:4317", 1.0), "traces.endpoint");
        assert_eq!(refused("http://collector:4317", 1.1), "traces.sample_ratio");
        assert_eq!(refused("http://collector:4317", f64::NAN), "traces.sample_ratio");
    }
}
