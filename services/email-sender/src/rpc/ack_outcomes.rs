//! Removes outcomes that automation has committed.

use chappe_kit::{Error, grpc::Caller};
use chappe_proto::email::{AckOutcomesRequest, AckOutcomesResponse};
use tonic::Request;

use super::convert;
use crate::{app::App, store};

/// Outcomes of one call.
const MAX_OUTCOMES: usize = 1_000;

pub(super) async fn ack(app: &App, request: Request<AckOutcomesRequest>) -> Result<AckOutcomesResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let request = request.into_inner();
    convert::at_most("outcomes", request.outcomes.len(), MAX_OUTCOMES)?;
    let refs = convert::outcome_refs(&request.outcomes)?;
    app.db.write(async |txn| store::outcome::ack(txn, &refs).await).await?;
    Ok(AckOutcomesResponse {})
}
