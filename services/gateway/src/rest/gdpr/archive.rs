//! `GET /gdpr/archives/{name}.zip`: the archive of a review. Its name is the credential.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::header, response::IntoResponse};
use chappe_kit::Error;
use chappe_proto::privacy::GetArchiveRequest;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    App,
    rest::{Answer, Params},
};

/// Longest name that is asked for.
const MAX_NAME: usize = 128;
const SUFFIX: &str = ".zip";

/// Where an archive is to be had.
pub(crate) fn url(base_url: &str, name: &str) -> String {
    format!("{base_url}/gdpr/archives/{name}{SUFFIX}")
}

pub(super) async fn handle(State(app): State<Arc<App>>, Params(file): Params<String>) -> Answer {
    let well_formed = |name: &&str| {
        (1..=MAX_NAME).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let name = file.strip_suffix(SUFFIX).filter(well_formed);
    let archive_name = name.ok_or_else(|| Error::not_found("archive"))?.to_owned();
    let mut privacy = app.peers.privacy.clone();
    let request = tonic::Request::new(GetArchiveRequest { archive_name });
    let mut pieces = privacy.get_archive(request).await.map_err(Error::from)?.into_inner();
    // Whether there is an archive shows with the first piece.
    let first = pieces.message().await.map_err(Error::from)?;
    let first = first.ok_or_else(|| Error::not_found("archive"))?;
    let pieces = stream::once(async { Ok(first) })
        .chain(pieces)
        .map_ok(|piece| piece.chunk);
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"review.zip\""),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
