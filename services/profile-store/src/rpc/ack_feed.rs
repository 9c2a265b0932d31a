use chappe_kit::{Error, grpc::caller::Caller};
use chappe_proto::profile as pb;
use tonic::Request;

use super::convert;
use crate::{App, store};

pub(super) async fn handle(app: &App, request: &Request<pb::AckFeedRequest>) -> Result<pb::AckFeedResponse, Error> {
    Caller::of(request)?.require_service()?;
    let numbered = request.get_ref().rows.iter().enumerate();
    let rows: Result<Vec<_>, Error> = numbered
        .map(|(index, row)| {
            let project = convert::id(&format!("rows[{index}].project_id"), &row.project_id)?;
            Ok((project, convert::id(&format!("rows[{index}].row_id"), &row.row_id)?))
        })
        .collect();
    let mut rows = rows?;
    rows.sort_unstable();
    app.db.write(async |txn| store::feed::ack(txn, &rows).await).await?;
    Ok(pb::AckFeedResponse {})
}
