//! Follows the names of a peer to the addresses behind them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, join_all};
use tokio::{net::lookup_host, time::timeout};

use super::{Shared, address::Address};

/// How often names are looked up, at least; a random part of the spread comes on top. What a cluster answers is good
/// for five seconds as a rule.
const INTERVAL: Duration = Duration::from_secs(5);
const SPREAD: Duration = Duration::from_secs(5);
/// How often names are looked up at most, however many connections fail.
const AT_MOST: Duration = Duration::from_millis(500);
/// A resolver that says nothing for so long has failed.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// All addresses of a host, with this port.
pub(super) type Lookup = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// What the system knows: its hosts file and DNS.
pub(super) fn system() -> Lookup {
    Arc::new(|host, port| Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) }))
}

/// The address itself, where no name has to be looked up.
pub(super) fn literal(address: &Address) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.host.parse().ok()?, address.port))
}

/// Looks again and again. A name that cannot be resolved keeps the addresses it had.
pub(super) async fn follow(shared: Arc<Shared>, addresses: Vec<Address>, lookup: Lookup) {
    let mut known: Vec<Vec<SocketAddr>> = vec![Vec::new(); addresses.len()];
    let spread = usize::try_from(SPREAD.as_millis()).unwrap_or_default();
    loop {
        let answers = join_all(addresses.iter().map(|address| resolve(address, &lookup))).await;
        let mut has_failed = false;
        for (known, answer) in known.iter_mut().zip(answers) {
            match answer {
                Some(found) => *known = found,
                None => has_failed = true,
            }
        }
        let found = addresses.iter().zip(&known);
        let found = found.flat_map(|(address, found)| found.iter().map(|at| (*at, &address.authority)));
        shared.replace(found);
        if has_failed {
            shared.could_not_resolve();
        }
        #[expect(clippy::disallowed_methods, reason = "not more often than that")]
        tokio::time::sleep(AT_MOST).await;
        let jitter = u64::try_from(shared.dice.below(spread)).unwrap_or_default();
        let pause = INTERVAL + Duration::from_millis(jitter);
        drop(timeout(pause, shared.news.look.notified()).await);
    }
}

/// The addresses of a name; absent when there is no usable answer.
async fn resolve(address: &Address, lookup: &Lookup) -> Option<Vec<SocketAddr>> {
    if let Some(at) = literal(address) {
        return Some(vec![at]);
    }
    let answer = timeout(LOOKUP_TIMEOUT, lookup(address.host.clone(), address.port)).await;
    match answer {
        Ok(Ok(found)) if !found.is_empty() => Some(found),
        Ok(Ok(_)) => {
            tracing::debug!("the name of a peer has no addresses");
            None
        }
        Ok(Err(error)) => {
            tracing::debug!("could not resolve the name of a peer: {error}");
            None
        }
        Err(_) => {
            tracing::debug!("no answer about the name of a peer in time");
            None
        }
    }
}
