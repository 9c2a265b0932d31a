//! A privacy request as the 1.x line shows it. What there is not is left out.

use chappe_kit::Timestamp;
use chappe_proto::privacy::{PrivacyRequest, RequestType};
use serde_json::{Map, Value as Json, json};

/// The object; `base_url` is where its archive is to be had.
pub(super) fn of(request: &PrivacyRequest, base_url: &str) -> Json {
    let review = request.r#type() == RequestType::Review;
    let mut object = Map::new();
    object.insert("request_id".to_owned(), request.request_id.as_str().into());
    if let Some(created_at) = request.created_at {
        let date = Timestamp::from(created_at).to_utc().format("%Y-%m-%dT%H:%M:%S%.3f");
        object.insert("request_date".to_owned(), date.to_string().into());
    }
    let status = if request.done { "done" } else { "pending" };
    object.insert("status".to_owned(), status.into());
    let request_type = if review { "review" } else { "remove" };
    object.insert("request_type".to_owned(), request_type.into());
    object.insert("trigger_type".to_owned(), "api".into());
    if !request.error.is_empty() {
        object.insert("error".to_owned(), request.error.as_str().into());
    }
    if review && request.done && !request.archive_name.is_empty() {
        let url = super::archive_url(base_url, &request.archive_name);
        object.insert("data_url".to_owned(), url.into());
    }
    let mut id = json!({"type": request.identifier_type});
    if !request.identifier_value.is_empty() {
        id["value"] = request.identifier_value.as_str().into();
    }
    object.insert("id".to_owned(), id);
    Json::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> PrivacyRequest {
        PrivacyRequest {
            request_id: "0d3c".to_owned(),
            created_at: Some(Timestamp::from_micros(1_795_165_200_000_000).into()),
            r#type: RequestType::Review.into(),
            identifier_type: "custom_id".to_owned(),
            identifier_value: "u1".to_owned(),
            ..PrivacyRequest::default()
        }
    }

    fn text(request: &PrivacyRequest) -> String {
        of(request, "https://api.example.org").to_string()
    }

    #[test]
    fn a_pending_request_has_neither_error_nor_link() {
        assert_eq!(
            text(&request()),
            r#"{"request_id":"0d3c","request_date":"2026-11-20T09:00:00.000","status":"pending","request_type":"review","trigger_type":"api","id":{"type":"custom_id","value":"u1"}}"#
        );
    }

    #[test]
    fn a_finished_review_links_to_its_archive() {
        let done = PrivacyRequest {
            done: true,
            archive_name: "n4me".to_owned(),
            ..request()
        };
        assert!(text(&done).contains(r#""data_url":"https://api.example.org/gdpr/archives/n4me.zip""#));
    }

    #[test]
    fn a_finished_removal_has_forgotten_whom_it_was_about() {
        let done = PrivacyRequest {
            done: true,
            r#type: RequestType::Remove.into(),
            identifier_value: String::new(),
            error: "user not found".to_owned(),
            ..request()
        };
        assert!(text(&done).ends_with(r#""error":"user not found","id":{"type":"custom_id"}}"#));
    }
}
