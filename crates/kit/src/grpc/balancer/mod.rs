//! Chooses among the replicas of a peer, call by call.
//!
//! Every address has a connection of its own, kept open beside the calls. A call goes to the less busy one of two open
//! connections drawn at random; what is not open gets no calls. Names are looked up again and again, and at once when
//! a connection fails; when a lookup fails, the addresses known before remain.

mod address;
mod endpoint;
mod failure;
mod resolve;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use http::{Request, Response, uri::Authority};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};
use tonic::{Status, body::Body};
use tower::{service_fn, util::BoxCloneSyncService};

use self::{
    endpoint::{Endpoint, Link, Pick},
    resolve::Lookup,
};
use super::{Service, dice::Dice};
use crate::Error;

/// Marks a response that stands for a call which was never handed over: it may be made again, whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// The connection was about to close; another one may be open.
    Closing,
    /// No replica could be connected.
    Nobody,
}

/// The replicas of one peer. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Balancer {
    shared: Arc<Shared>,
    _resolver: Arc<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    peer: String,
    endpoints: RwLock<Arc<[Arc<Endpoint>]>>,
    resolve_failed_at: Mutex<Option<Instant>>,
    news: Arc<News>,
    dice: Dice,
}

/// Tells those who wait that something has changed.
#[derive(Debug, Default)]
struct News {
    changed: watch::Sender<()>,
    /// It may be time to look names up.
    look: Notify,
}

impl News {
    fn tell(&self) {
        self.changed.send_replace(());
    }

    fn lost(&self) {
        self.look.notify_one();
        self.tell();
    }
}

impl Balancer {
    /// Connects to the peer of this name. The setting is one URL, whose host may be a name with any number of
    /// addresses, or several separated by commas. Needs a runtime.
    pub fn new(peer: &str, setting: &str) -> Result<Self, Error> {
        Self::with_lookup(peer, setting, resolve::system())
    }

    fn with_lookup(peer: &str, setting: &str, lookup: Lookup) -> Result<Self, Error> {
        let addresses = address::parse(setting)?;
        let shared = Arc::new(Shared {
            peer: peer.to_owned(),
            endpoints: RwLock::new(Arc::new([])),
            resolve_failed_at: Mutex::new(None),
            news: Arc::default(),
            dice: Dice::default(),
        });
        let mut resolver = JoinSet::new();
        let literal = |address| Some((resolve::literal(address)?, &address.authority));
        if let Some(found) = addresses.iter().map(literal).collect::<Option<Vec<_>>>() {
            shared.replace(found.into_iter());
        } else {
            resolver.spawn(resolve::follow(shared.clone(), addresses, lookup));
        }
        Ok(Self {
            shared,
            _resolver: Arc::new(resolver),
        })
    }

    /// Sends each call once, to a replica of its own choice.
    pub(super) fn service(&self) -> Service {
        let this = self.clone();
        BoxCloneSyncService::new(service_fn(move |request| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.send(request).await) }
        }))
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        let Some(pick) = self.pick().await else {
            return unsent(Unsent::Nobody, "no replica of the peer can be reached");
        };
        match pick.send(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(failure) if failure.is_unsent() => unsent(Unsent::Closing, failure.cause),
            Err(failure) => Status::from(Error::unavailable(failure.cause)).into_http(),
        }
    }

    /// An open connection. Where there is none, waits until one opens, or until every address has failed once more.
    async fn pick(&self) -> Option<Pick> {
        let began = Instant::now();
        let mut news = self.shared.news.changed.subscribe();
        loop {
            news.borrow_and_update();
            let endpoints = self.shared.endpoints();
            if let Some(pick) = self.choose(&endpoints) {
                return Some(pick);
            }
            if self.shared.has_failed_since(&endpoints, began) {
                return None;
            }
            for endpoint in endpoints.iter() {
                endpoint.link.want();
            }
            news.changed().await.ok()?;
        }
    }

    /// The better one of two drawn at random (Mitzenmacher 2001).
    fn choose(&self, endpoints: &[Arc<Endpoint>]) -> Option<Pick> {
        let now = Instant::now();
        let links = endpoints.iter().map(|endpoint| &endpoint.link);
        let mut open: Vec<_> = links.filter_map(|link| Some((link.load(now)?, link))).collect();
        let mut draw = || -> Option<((bool, usize), &Arc<Link>)> {
            (!open.is_empty()).then(|| open.swap_remove(self.shared.dice.below(open.len())))
        };
        let first = draw()?;
        let chosen = draw().filter(|second| second.0 < first.0).unwrap_or(first);
        chosen.1.pick()
    }
}

impl Shared {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps those that are still named, with their connections, drops those that are not, and adds the new ones.
    fn replace<'a>(&self, found: impl Iterator<Item = (SocketAddr, &'a Authority)>) {
        let before = self.endpoints();
        let mut after: Vec<Arc<Endpoint>> = Vec::new();
        for (at, authority) in found {
            if after.iter().any(|endpoint| endpoint.at == at) {
                continue;
            }
            let kept = before.iter().find(|endpoint| endpoint.at == at).cloned();
            after.push(kept.unwrap_or_else(|| Arc::new(Endpoint::new(at, authority.clone(), self.news.clone()))));
        }
        let count = u32::try_from(after.len()).unwrap_or(u32::MAX);
        metrics::gauge!("chappe_balancer_endpoints", "peer" => self.peer.clone()).set(count);
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = after.into();
        self.news.tell();
    }

    fn could_not_resolve(&self) {
        metrics::counter!("chappe_balancer_resolve_failures_total", "peer" => self.peer.clone()).increment(1);
        *self.resolve_failed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.news.tell();
    }

    /// Whether everything that could lead to the peer has failed since then.
    fn has_failed_since(&self, endpoints: &[Arc<Endpoint>], since: Instant) -> bool {
        if endpoints.is_empty() {
            self.news.look.notify_one();
            let failed_at = *self.resolve_failed_at.lock().unwrap_or_else(PoisonError::into_inner);
            return failed_at.is_some_and(|at| at >= since);
        }
        endpoints.iter().all(|endpoint| endpoint.link.has_failed_since(since))
    }
}

/// Says to the caller that the peer is unavailable, and to the retry that nothing was sent.
fn unsent(why: Unsent, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Response<Body> {
    let mut response: Response<Body> = Status::from(Error::unavailable(cause)).into_http();
    response.extensions_mut().insert(why);
    response
}

#[cfg(test)]
mod tests;
