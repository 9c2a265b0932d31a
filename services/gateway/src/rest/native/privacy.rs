//! `/chappe/v1/privacy/requests`: review and erasure, with what each service answered.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
};
use chappe_ids::RequestId;
use chappe_kit::{Error, grpc::call};
use chappe_proto::{
    privacy::{CreateRequestRequest, GetRequestRequest, ParticipantReport, PrivacyRequest, RequestType},
    types::{Identifier, identifier},
};
use serde_json::{Value as Json, json};

use super::{admit, admit_reader};
use crate::{
    App, body,
    field::Fields,
    rest::{Admitted, Answer, Params, answer, base_url, gdpr::archive_url},
};

/// `POST`.
pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Answer {
    let Admitted { project, headers, body } = admit(&app, request, body::DEFAULT_LIMIT).await?;
    let message = read(&body::json(&body)?)?;
    let mut privacy = app.peers.privacy.clone();
    let response = privacy
        .create_request(call(project, message))
        .await
        .map_err(Error::from)?;
    let created = response.into_inner().request.unwrap_or_default();
    Ok(answer(
        StatusCode::ACCEPTED,
        &object(&created, &base_url(&app, &headers)),
    ))
}

/// `GET …/{request_id}`.
pub(super) async fn view(State(app): State<Arc<App>>, Params(id): Params<String>, headers: HeaderMap) -> Answer {
    let project = admit_reader(&app, &headers).await?;
    let none = || Error::not_found("request");
    let id: RequestId = id.parse().map_err(|_| none())?;
    let message = GetRequestRequest {
        request_id: id.to_string(),
    };
    let found = app.peers.privacy.clone().get_request(call(project, message)).await;
    let request = found.map_err(Error::from)?.into_inner().request.ok_or_else(none)?;
    Ok(answer(StatusCode::OK, &object(&request, &base_url(&app, &headers))))
}

fn read(body: &Json) -> Result<CreateRequestRequest, Error> {
    let fields = Fields::of_body(body)?;
    let kinds = [("review", RequestType::Review), ("remove", RequestType::Remove)];
    let request_type = fields.one_of("type", &kinds)?;
    let custom_id = fields.string("custom_id")?;
    Ok(CreateRequestRequest {
        r#type: request_type.into(),
        identifier: Some(Identifier {
            kind: Some(identifier::Kind::CustomId(custom_id.to_owned())),
        }),
        identifier_type: "custom_id".to_owned(),
        identifier_value: custom_id.to_owned(),
    })
}

fn object(request: &PrivacyRequest, base_url: &str) -> Json {
    let review = request.r#type() == RequestType::Review;
    let mut object = json!({
        "request_id": request.request_id,
        "type": if review { "review" } else { "remove" },
        "status": if request.done { "done" } else { "pending" },
    });
    if !request.error.is_empty() {
        object["error"] = request.error.as_str().into();
    }
    if !request.archive_name.is_empty() {
        object["archive_url"] = archive_url(base_url, &request.archive_name).into();
    }
    object["participants"] = request.participants.iter().map(participant).collect();
    object
}

fn participant(report: &ParticipantReport) -> Json {
    let deleted: BTreeMap<_, _> = report.deleted.iter().collect();
    json!({
        "service": report.service,
        "verified": report.verified,
        "deleted": deleted,
        "retained": report.retained,
    })
}
