//! Who is at the address of a peer: the service that is looked for, another one, something else, or nobody.
//!
//! The question is the health check that every server answers, asked by the service's full name, with the caller's
//! token. So one call tells whether the right service is there, whether keys and clocks agree, and what time it is
//! there.

use std::{
    convert::Infallible,
    error::Error as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::DateTime;
use http::{Request, Uri, Version};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tonic::{Code, Status, body::Body, metadata::MetadataMap};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt as _;
use tower::{service_fn, util::BoxCloneSyncService};

use super::{Service, caller::CLOCKS_DIFFER, peer::Connector};
use crate::{Clock, Timestamp, skew::Skew};

/// How long connection and answer may take together.
const PATIENCE: Duration = Duration::from_secs(2);
/// `Date` counts whole seconds (RFC 9110 §5.6.7).
const DATE_RESOLUTION: Duration = Duration::from_secs(1);
/// Port of a URL that names none (RFC 9110 §4.2.1).
const DEFAULT_PORT: u16 = 80;

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The service, ready; how far our clock is from its own, if it told.
    Ready(Option<Skew>),
    /// The service, not ready.
    Unready,
    /// Somebody who does not take our token because it was made with another key.
    KeysDiffer,
    /// The same because of the clocks; how far ours is from its own, if it told.
    ClocksDiffer(Option<Skew>),
    /// Something else.
    Other(String),
    /// Nobody, or nobody who answers in time.
    Nobody(String),
}

/// Asks over a connection of its own: one that exists already says nothing about the address.
pub async fn ask(connector: &Connector, address: &str, full_name: &str, clock: &Clock) -> Answer {
    let answer = timeout(PATIENCE, converse(connector, address, full_name, clock)).await;
    answer.unwrap_or_else(|_| Answer::Nobody(format!("{address} does not answer within {} s", PATIENCE.as_secs())))
}

async fn converse(connector: &Connector, address: &str, full_name: &str, clock: &Clock) -> Answer {
    let stream = match connect(address).await {
        Ok(stream) => stream,
        Err(error) => return Answer::Nobody(format!("cannot connect to {address}: {error}")),
    };
    let (sender, driver) = match http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await {
        Ok(connection) => connection,
        Err(error) => return no_answer(&error, address),
    };
    let mut connection = JoinSet::new();
    // Its end is told to whoever waits for an answer.
    connection.spawn(async move { drop(driver.await) });
    let failed = Arc::default();
    let service = over(sender, address.parse().unwrap_or_default(), &failed);
    let request = HealthCheckRequest {
        service: full_name.to_owned(),
    };
    let before = clock.now();
    let answer = HealthClient::new(connector.local(service)).check(request).await;
    if let Some(error) = failed.get() {
        return no_answer(error, address);
    }
    let skew = |metadata| Some(Skew::measured(before - DATE_RESOLUTION, date(metadata)?, clock.now()));
    match answer {
        Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => Answer::Ready(skew(answer.metadata())),
        Ok(_) => Answer::Unready,
        Err(status) if is_of_clocks(&status) => Answer::ClocksDiffer(skew(status.metadata())),
        Err(status) => refusal(status.code(), address),
    }
}

async fn connect(address: &str) -> std::io::Result<TcpStream> {
    let uri: Uri = address.parse().unwrap_or_default();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    TcpStream::connect((host, uri.port_u16().unwrap_or(DEFAULT_PORT))).await
}

/// Calls over one connection. What breaks it is kept: a status has no room for it.
fn over(sender: http2::SendRequest<Body>, uri: Uri, failed: &Arc<OnceLock<hyper::Error>>) -> Service {
    let failed = failed.clone();
    BoxCloneSyncService::new(service_fn(move |mut request: Request<Body>| {
        let (mut sender, failed) = (sender.clone(), failed.clone());
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        *request.version_mut() = Version::HTTP_2;
        async move {
            Ok::<_, Infallible>(match sender.send_request(request).await {
                Ok(response) => response.map(Body::new),
                Err(error) => {
                    drop(failed.set(error));
                    Status::unknown("the connection broke").into_http()
                }
            })
        }
    }))
}

/// What a connection that broke says about the other side.
fn no_answer(error: &hyper::Error, address: &str) -> Answer {
    let cause = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    match cause {
        Some(cause) if cause.is_remote() => Answer::Nobody(format!("{address} is about to close")),
        _ => Answer::Other(format!("what answers at {address} does not speak gRPC")),
    }
}

fn is_of_clocks(status: &Status) -> bool {
    let details = status.get_error_details();
    status.code() == Code::Unauthenticated && details.error_info().is_some_and(|info| info.reason == CLOCKS_DIFFER)
}

fn refusal(code: Code, address: &str) -> Answer {
    match code {
        Code::Unauthenticated => Answer::KeysDiffer,
        Code::NotFound => Answer::Other(format!("another service answers at {address}")),
        Code::Unavailable => Answer::Nobody(format!("{address} answers that it is not available")),
        code => Answer::Other(format!("what answers at {address} is no service of a mesh ({code:?})")),
    }
}

/// The time of the answer, by the clock of who gave it.
fn date(metadata: &MetadataMap) -> Option<Timestamp> {
    let date = metadata.get("date")?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(date).ok()?;
    Some(date.to_utc().into())
}

#[cfg(test)]
mod tests;
