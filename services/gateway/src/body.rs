//! Bodies: how large, how encoded, and whether they are JSON.

use std::io::Read;

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, HeaderValue, header},
};
use chappe_kit::Error;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::failure::{malformed, malformed_json, too_large};

/// Bodies of routes that set no other limit, in bytes.
pub(crate) const DEFAULT_LIMIT: usize = 8 * MIB;
/// A mebibyte.
pub(crate) const MIB: usize = 1024 * 1024;
/// What is read and thrown away of a refused body: a client that is still writing when the connection closes may
/// never see the answer.
const LINGER: usize = 64 * MIB;
/// Memory taken on the word of a `Content-Length`.
const MAX_TRUSTED_LENGTH: u64 = 1024 * 1024;

/// Reads a body to its end, inflated, and refuses more than `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Vec<u8>, Error> {
    let gzip = is_gzip(headers)?;
    let expected = body.size_hint().lower().min(MAX_TRUSTED_LENGTH);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| malformed_json())?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            discard(body).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    if gzip { inflate(&bytes, limit) } else { Ok(bytes) }
}

/// Reads what a refused client still sends, within reason.
pub(crate) async fn discard(mut body: Body) {
    let mut left = LINGER;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(length) else {
            return;
        };
        left = rest;
    }
}

/// A body as JSON. A byte order mark is skipped.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|_| malformed_json())
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Error> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    match encoding {
        None => Ok(false),
        Some(encoding) if encoding.eq_ignore_ascii_case(b"identity") => Ok(false),
        Some(encoding) if encoding.eq_ignore_ascii_case(b"gzip") => Ok(true),
        Some(_) => Err(malformed("Content-Encoding", "only gzip is understood")),
    }
}

fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let mut inflated = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(bytes)
        .take(most)
        .read_to_end(&mut inflated)
        .map_err(|_| malformed_json())?;
    if inflated.len() > limit {
        Err(too_large())
    } else {
        Ok(inflated)
    }
}
