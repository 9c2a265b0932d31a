//! `POST …/transactional/send`: a push, which is never sent here. Accepting it and dropping it would be a lie.

use std::sync::Arc;

use axum::extract::{Request, State};
use chappe_kit::{Error, ErrorKind};

use crate::{
    App,
    rest::{Answer, Params, admit_to_app},
};

pub(super) async fn handle(State(app): State<Arc<App>>, Params(app_key): Params<String>, request: Request) -> Answer {
    admit_to_app(&app, request, &app_key).await?;
    let error = Error::new(
        ErrorKind::PermissionDenied,
        "CHANNEL_UNAVAILABLE",
        "push channel not available",
    );
    Err(error.into())
}
