//! Another REST key.

use chappe_kit::{Error, grpc::Caller};
use chappe_proto::identity::{CreateRestKeyRequest, CreateRestKeyResponse};
use tonic::Request;

use crate::{App, domain::public_id, store};

pub(super) async fn handle(app: &App, request: &Request<CreateRestKeyRequest>) -> Result<CreateRestKeyResponse, Error> {
    Caller::of(request)?.require_service()?;
    let rest_key = public_id::secret("rest", &app.runtime.ids);
    let hash = app.rest_keys.mac(rest_key.as_bytes());
    let now = app.runtime.clock.now();
    app.db
        .write(async |txn| store::key::insert_rest_key(txn, &hash, now).await)
        .await?;
    Ok(CreateRestKeyResponse { rest_key })
}
