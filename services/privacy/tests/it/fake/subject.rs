use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use chappe_proto::privacy::{self as pb, data_subject_service_server::DataSubjectService};
use tonic::{Request, Response, Status, async_trait, codegen::BoxStream};

use super::Gate;

/// What was asked of whom, in order: `identity.block`.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Everything since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

/// A service that holds personal data.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) gate: Gate,
    log: Log,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    away: bool,
    rows: i64,
    left: VecDeque<i64>,
    documents: Vec<(&'static str, &'static str)>,
    seen: Vec<pb::Subject>,
}

impl Subject {
    pub(crate) fn new(name: &'static str, log: Log) -> Self {
        Self {
            name,
            gate: Gate::default(),
            log,
            state: Arc::default(),
        }
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.state.lock().unwrap().away = away;
    }

    /// Rows that the next erasure finds.
    pub(crate) fn hold(&self, rows: i64) {
        self.state.lock().unwrap().rows = rows;
    }

    /// What the next searches find left; nothing beyond the last.
    pub(crate) fn leave(&self, left: impl IntoIterator<Item = i64>) {
        self.state.lock().unwrap().left = left.into_iter().collect();
    }

    pub(crate) fn export(&self, documents: &[(&'static str, &'static str)]) {
        self.state.lock().unwrap().documents = documents.to_vec();
    }

    /// Whom the calls were about.
    pub(crate) fn seen(&self) -> Vec<pb::Subject> {
        self.state.lock().unwrap().seen.clone()
    }

    async fn called(&self, method: &'static str, subject: Option<&pb::Subject>) -> Result<(), Status> {
        {
            let mut state = self.state.lock().unwrap();
            if state.away {
                return Err(Status::unavailable("away"));
            }
            state.seen.push(subject.cloned().unwrap());
            self.log.add(format!("{}.{method}", self.name));
        }
        self.gate.pass(method).await;
        Ok(())
    }
}

#[async_trait]
impl DataSubjectService for Subject {
    type ExportSubjectStream = BoxStream<pb::ExportSubjectResponse>;

    async fn block_subject(
        &self,
        request: Request<pb::BlockSubjectRequest>,
    ) -> Result<Response<pb::BlockSubjectResponse>, Status> {
        self.called("block", request.get_ref().subject.as_ref()).await?;
        Ok(Response::new(pb::BlockSubjectResponse {}))
    }

    async fn export_subject(
        &self,
        request: Request<pb::ExportSubjectRequest>,
    ) -> Result<Response<Self::ExportSubjectStream>, Status> {
        self.called("export", request.get_ref().subject.as_ref()).await?;
        let documents = self.state.lock().unwrap().documents.clone();
        let parts = documents.into_iter().map(|(file, content)| {
            Ok(pb::ExportSubjectResponse {
                file_name: file.to_owned(),
                content: content.as_bytes().to_vec().into(),
            })
        });
        Ok(Response::new(Box::pin(futures_util::stream::iter(parts))))
    }

    async fn erase_subject(
        &self,
        request: Request<pb::EraseSubjectRequest>,
    ) -> Result<Response<pb::EraseSubjectResponse>, Status> {
        self.called("erase", request.get_ref().subject.as_ref()).await?;
        let rows = std::mem::take(&mut self.state.lock().unwrap().rows);
        Ok(Response::new(pb::EraseSubjectResponse {
            deleted: [("rows".to_owned(), rows)].into(),
            retained: vec![format!("a hash in {}", self.name)],
        }))
    }

    async fn verify_erased(
        &self,
        request: Request<pb::VerifyErasedRequest>,
    ) -> Result<Response<pb::VerifyErasedResponse>, Status> {
        self.called("verify", request.get_ref().subject.as_ref()).await?;
        let left = self.state.lock().unwrap().left.pop_front().filter(|left| *left > 0);
        Ok(Response::new(pb::VerifyErasedResponse {
            remaining: left.map(|left| ("rows".to_owned(), left)).into_iter().collect(),
        }))
    }
}
