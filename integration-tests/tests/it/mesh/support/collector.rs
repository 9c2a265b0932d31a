use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value},
    trace::v1::Span,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tonic::{
    Request, Response, Status, async_trait,
    transport::{Server, server::TcpIncoming},
};

/// A receiver of OTLP over gRPC.
pub(crate) struct Collector {
    address: String,
    received: mpsc::UnboundedReceiver<Collected>,
    _server: JoinSet<()>,
}

/// A span, and the resource it came from.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) span: Span,
}

impl Collector {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = mpsc::unbounded_channel();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let service = TraceServiceServer::new(Receiver(sender));
            let router = Server::builder().add_service(service);
            router.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self {
            address,
            received,
            _server: server,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything received so far.
    pub(crate) fn spans(mut self) -> Vec<Collected> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

impl Collected {
    /// The text of an attribute; empty when there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        text(&self.span.attributes, key)
    }
}

struct Receiver(mpsc::UnboundedSender<Collected>);

#[async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let of = resource.resource.unwrap_or_default().attributes;
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let collected = Collected {
                    service: text(&of, "service.name").to_owned(),
                    version: text(&of, "service.version").to_owned(),
                    span,
                };
                self.0.send(collected).unwrap();
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    let value = attribute.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        Some(any_value::Value::StringValue(text)) => text,
        _ => "",
    }
}
