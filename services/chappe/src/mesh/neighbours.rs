//! The services that this one calls, looked at from time to time: are they there, are they who they should be, and
//! do they take our calls?
//!
//! A peer that is away never makes a process unready: the outage of one service would be the outage of all. What is
//! wrong with *this* process does: an address at which something else has answered since the start, or, where no
//! database has told already, a key or a clock that every peer refuses.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chappe_kit::{
    Clock,
    grpc::{
        peer::Connector,
        probe::{self, Answer},
    },
    health::{Fault, Finding},
    skew::{NOTABLE_SKEW, Skew, Witness},
};
use futures_util::future::join_all;
use tokio::time::Instant;

/// How often peers are looked at while all is well; else it is done with every probe.
const EVERY: Duration = Duration::from_secs(5);
/// How long a peer may be away, or not ready, without a word: for as long as it takes to start one.
const GRACE: Duration = Duration::from_secs(3);

/// The peers of one service.
pub(super) struct Neighbours {
    connector: Connector,
    clock: Clock,
    witness: Witness,
    /// Whether there is no database that tells whether key and clock are right.
    stateless: bool,
    peers: Vec<Neighbour>,
    next: Mutex<Instant>,
}

pub(super) struct Neighbour {
    pub(super) name: &'static str,
    /// Its gRPC service.
    pub(super) full_name: &'static str,
    /// The setting that says where it is.
    pub(super) setting: String,
    pub(super) addresses: Vec<String>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    was_reached: bool,
    away_since: Option<Instant>,
}

impl Neighbour {
    pub(super) fn new(name: &'static str, full_name: &'static str, setting: String, addresses: &str) -> Self {
        Self {
            name,
            full_name,
            setting,
            addresses: addresses.split(',').map(|url| url.trim().to_owned()).collect(),
            memory: Mutex::default(),
        }
    }
}

impl Neighbours {
    pub(super) fn new(
        connector: Connector,
        clock: Clock,
        witness: Witness,
        stateless: bool,
        peers: Vec<Neighbour>,
    ) -> Self {
        Self {
            connector,
            clock,
            witness,
            stateless,
            peers,
            next: Mutex::new(Instant::now()),
        }
    }

    /// Looks at all of them, if it is time.
    pub(super) async fn look(&self) -> Vec<Finding> {
        if Instant::now() < *self.next.lock().unwrap_or_else(PoisonError::into_inner) {
            return Vec::new();
        }
        let answers = join_all(self.peers.iter().map(|peer| self.ask(peer))).await;
        let known = |answer: &Answer| matches!(answer, Answer::Ready(_) | Answer::Unready);
        let is_known = answers.iter().flatten().any(known);
        if is_known {
            self.witness.note();
        }
        let mut findings = Vec::new();
        let mut is_well = true;
        for (peer, answers) in self.peers.iter().zip(&answers) {
            let outcome = peer.judge(answers, self.stateless && !is_known);
            is_well &= outcome == Some(Ok(()));
            findings.extend(outcome.map(|outcome| Finding::new(format!("peer {}", peer.name), outcome)));
        }
        let pause = if is_well { EVERY } else { Duration::ZERO };
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + pause;
        findings
    }

    async fn ask(&self, peer: &Neighbour) -> Vec<Answer> {
        let addresses = peer.addresses.iter();
        join_all(addresses.map(|address| probe::ask(&self.connector, address, peer.full_name, &self.clock))).await
    }
}

impl Neighbour {
    /// What its answers mean; nothing while it may just be starting.
    fn judge(&self, answers: &[Answer], is_stranger: bool) -> Option<Result<(), Fault>> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let is_up = answers.iter().any(|answer| matches!(answer, Answer::Ready(_)));
        memory.was_reached |= is_up;
        metrics::gauge!("chappe_peer_up", "peer" => self.name).set(u8::from(is_up));
        let faults = answers
            .iter()
            .filter_map(|answer| self.fault(answer, memory.was_reached, is_stranger));
        let Some((may_pass, fault)) = faults.min_by_key(|(may_pass, _)| *may_pass) else {
            memory.away_since = None;
            return Some(Ok(()));
        };
        let since = *memory.away_since.get_or_insert_with(Instant::now);
        (!may_pass || since.elapsed() >= GRACE).then_some(Err(fault))
    }

    /// What is wrong, and whether it may pass by itself in a moment.
    fn fault(&self, answer: &Answer, was_reached: bool, is_stranger: bool) -> Option<(bool, Fault)> {
        let (name, setting) = (self.name, &self.setting);
        let weigh = |is_ours: bool| if is_ours { Fault::failed } else { Fault::degraded };
        let weighed = |is_ours, reason: String, remedy: &str| Some((false, weigh(is_ours)(reason, remedy.to_owned())));
        match answer {
            Answer::Ready(skew) => {
                let skew = self.measured((*skew)?);
                (skew.size() >= NOTABLE_SKEW).then(|| {
                    let reason = format!("the clock of this process is {skew} that of {name}");
                    (false, Fault::degraded(reason, "synchronise the clocks (NTP)"))
                })
            }
            Answer::Unready => Some((
                true,
                Fault::degraded(format!("{name} is not ready"), "its own /readyz says why"),
            )),
            Answer::Nobody(why) => {
                let remedy = format!("start {name}, or correct {setting}");
                Some((true, Fault::degraded(why.clone(), remedy)))
            }
            Answer::Other(why) => {
                let remedy = format!("{setting} must say where {name} serves gRPC, such as http://{name}:50051");
                weighed(!was_reached, why.clone(), &remedy)
            }
            Answer::KeysDiffer => weighed(
                is_stranger,
                format!("{name} does not take the calls of this process: their keys differ"),
                "start every service of the mesh with the same keys.master",
            ),
            Answer::ClocksDiffer(skew) => {
                let skew = skew.map_or_else(|| "far from".to_owned(), |skew| self.measured(skew).to_string());
                weighed(
                    is_stranger,
                    format!("{name} does not take the calls of this process, whose clock is {skew} its own"),
                    "synchronise the clocks (NTP)",
                )
            }
        }
    }

    fn measured(&self, skew: Skew) -> Skew {
        metrics::gauge!("chappe_clock_skew_seconds", "against" => self.name).set(skew.seconds());
        skew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(addresses: &str) -> Neighbour {
        Neighbour::new(
            "identity",
            "chappe.identity.v1.IdentityService",
            "peers.identity".to_owned(),
            addresses,
        )
    }

    fn judged(peer: &Neighbour, answers: &[Answer], is_stranger: bool) -> Fault {
        peer.judge(answers, is_stranger).unwrap().unwrap_err()
    }

    fn other() -> Answer {
        Answer::Other("another service answers at http://a:1".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_away_is_told_after_a_while_and_is_nobodys_unreadiness() {
        let peer = peer("http://a:1");
        let away = [Answer::Nobody("cannot connect".to_owned())];
        assert_eq!(peer.judge(&away, false), None);
        tokio::time::advance(GRACE).await;
        let fault = judged(&peer, &away, true);
        assert!(!fault.is_failure());
        assert_eq!(
            fault.to_string(),
            "cannot connect; start identity, or correct peers.identity"
        );
        assert_eq!(peer.judge(&[Answer::Ready(None)], false), Some(Ok(())));
        assert_eq!(peer.judge(&away, false), None, "the patience begins anew");
    }

    #[test]
    fn a_wrong_address_is_our_fault_until_the_right_one_has_answered_there() {
        let peer = peer("http://a:1");
        let fault = judged(&peer, &[other()], false);
        assert!(fault.is_failure());
        assert!(fault.to_string().contains("peers.identity must say"), "{fault}");
        peer.judge(&[Answer::Ready(None)], false);
        assert!(!judged(&peer, &[other()], false).is_failure());
    }

    #[test]
    fn one_wrong_address_of_two_is_told_and_harmless() {
        let fault = judged(&peer("http://a:1, http://b:1"), &[Answer::Ready(None), other()], false);
        assert!(!fault.is_failure());
    }

    #[test]
    fn a_key_that_one_of_many_refuses_is_not_ours_to_change() {
        let peer = peer("http://a:1");
        for answer in [Answer::KeysDiffer, Answer::ClocksDiffer(None)] {
            assert!(!judged(&peer, std::slice::from_ref(&answer), false).is_failure());
            assert!(judged(&peer, &[answer], true).is_failure());
        }
    }
}
