//! An archive is read by its name, which is all that it takes.

use std::pin::Pin;

use chappe_kit::{Error, ErrorKind, grpc::caller::Caller, keys::digest};
use chappe_proto::privacy as pb;
use futures_util::{Stream, stream};
use tonic::Status;

use crate::{app::App, store};

pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<pb::GetArchiveResponse, Status>> + Send>>;

pub(super) async fn handle(app: &App, request: &tonic::Request<pb::GetArchiveRequest>) -> Result<Chunks, Error> {
    Caller::of(request)?.require_service()?;
    let name_hash = digest(request.get_ref().archive_name.as_bytes());
    let archive = store::archive::by_name(app.db.read(), &name_hash, app.runtime.clock.now())
        .await?
        .ok_or_else(|| Error::not_found("archive"))?;
    let db = app.db.clone();
    let chunks = stream::try_unfold(0, move |number| {
        let db = db.clone();
        async move {
            if number == archive.chunks {
                return Ok(None);
            }
            let chunk = store::archive::chunk(db.read(), archive, number)
                .await?
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::Aborted,
                        "ARCHIVE_GONE",
                        "the archive was deleted while it was read",
                    )
                })?;
            Ok(Some((pb::GetArchiveResponse { chunk: chunk.into() }, number + 1)))
        }
    });
    Ok(Box::pin(chunks))
}
