//! `POST …/gdpr/request`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use chappe_kit::{Error, grpc::call};
use chappe_proto::{
    privacy::{CreateRequestRequest, RequestType},
    types::{Identifier, Installation, identifier},
};
use serde_json::{Value as Json, json};

use crate::{
    App, body,
    failure::malformed,
    field::Fields,
    rest::{Admitted, Answer, Params, admit_to_app, answer},
};

pub(super) async fn handle(State(app): State<Arc<App>>, Params(app_key): Params<String>, request: Request) -> Answer {
    let Admitted { project, body, .. } = admit_to_app(&app, request, &app_key).await?;
    let message = read(&body::json(&body)?, &app_key)?;
    let mut privacy = app.peers.privacy.clone();
    let response = privacy
        .create_request(call(project, message))
        .await
        .map_err(Error::from)?;
    let created = response.into_inner().request.unwrap_or_default();
    Ok(answer(StatusCode::ACCEPTED, &json!({"request_id": created.request_id})))
}

fn read(body: &Json, app_key: &str) -> Result<CreateRequestRequest, Error> {
    let fields = Fields::of_body(body)?;
    let kinds = [("review", RequestType::Review), ("remove", RequestType::Remove)];
    let request_type = fields.one_of("request_type", &kinds)?;
    if fields.get("callback_url").is_some() {
        let why = "this version sends no callbacks; leave it out and ask for the request instead";
        return Err(malformed("callback_url", why));
    }
    let id = fields.fields("id")?;
    let (identifier_type, value) = (id.string("type")?, id.string("value")?);
    Ok(CreateRequestRequest {
        r#type: request_type.into(),
        identifier: identifier(identifier_type, value, app_key)?,
        identifier_type: identifier_type.to_owned(),
        identifier_value: value.to_owned(),
    })
}

/// Who is meant. Advertising ids are stored nowhere, so they name nobody.
fn identifier(kind: &str, value: &str, app_key: &str) -> Result<Option<Identifier>, Error> {
    let kind = match kind {
        "custom_id" => identifier::Kind::CustomId(value.to_owned()),
        "install_id" | "installation_id" => identifier::Kind::Installation(Installation {
            app_key: app_key.to_owned(),
            installation_id: value.to_owned(),
        }),
        "advertising_id" => return Ok(None),
        _ => {
            return Err(malformed(
                "id.type",
                "must be one of custom_id, install_id, advertising_id",
            ));
        }
    };
    Ok(Some(Identifier { kind: Some(kind) }))
}
