use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_proto::{
    tonic::collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_client::TraceServiceClient,
    },
    transform::{common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope},
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::Error;

/// How long to wait for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends spans to a collector. What it does not take is lost: a warning tells when that begins.
#[derive(Debug)]
pub(super) struct Exporter {
    collector: TraceServiceClient<Channel>,
    endpoint: String,
    resource: ResourceAttributesWithSchema,
    is_failing: AtomicBool,
}

impl Exporter {
    /// Connects when there is something to send, and again whenever it must.
    pub(super) fn new(endpoint: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid_field("traces.endpoint", "must be an address such as http://collector:4317");
        let address = Endpoint::from_shared(endpoint.to_owned()).map_err(|_| wrong())?;
        if address.uri().scheme_str() != Some("http") {
            return Err(wrong());
        }
        let channel = address.connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).connect_lazy();
        Ok(Self {
            collector: TraceServiceClient::new(channel),
            endpoint: endpoint.to_owned(),
            resource: ResourceAttributesWithSchema::default(),
            is_failing: AtomicBool::new(false),
        })
    }

    /// Tells how many spans were refused, of those of an export that went well.
    fn settle(&self, spans: usize, answer: Result<ExportTraceServiceResponse, Status>) -> OTelSdkResult {
        let lost = match &answer {
            Ok(response) => response.partial_success.as_ref().map_or(0, |some| some.rejected_spans),
            Err(_) => i64::try_from(spans).unwrap_or(i64::MAX),
        };
        let lost = u64::try_from(lost).unwrap_or_default();
        metrics::counter!("chappe_trace_spans_total", "outcome" => "exported")
            .increment((spans as u64).saturating_sub(lost));
        metrics::counter!("chappe_trace_spans_total", "outcome" => "lost").increment(lost);
        let was_failing = self.is_failing.swap(answer.is_err(), Ordering::Relaxed);
        match answer {
            Ok(_) => {
                if was_failing {
                    tracing::info!("the collector {} takes spans again", self.endpoint);
                }
                Ok(())
            }
            Err(status) => {
                if !was_failing {
                    tracing::warn!(
                        "the collector {} takes no spans; they are lost until it does: {}",
                        self.endpoint,
                        status.message()
                    );
                }
                Err(OTelSdkError::InternalFailure(status.message().to_owned()))
            }
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let answer = self.collector.clone().export(request).await;
        self.settle(spans, answer.map(tonic::Response::into_inner))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}
