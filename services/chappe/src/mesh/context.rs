//! What services are built from: stores, and peers that are in this process or behind TCP.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use chappe_coordination::{Coordination, Status};
use chappe_kit::{
    Error, Runtime,
    grpc::{
        Balancer, CallKey, Peer, Service,
        layer::{Auth, stack},
        peer::Connector,
    },
    health::{self, Fault, Finding},
    skew::Witness,
};
use chappe_proto::edges::{self, EDGES};
use chappe_store::Db;
use tonic::service::Routes;

use super::{
    database::{Place, STATEFUL},
    first_start::MASTER_KEY,
    neighbours::{Neighbour, Neighbours},
    store::Store,
};
use crate::settings::{Peers, Settings};

/// Services that hold personal data, in the order in which they are asked. Another one is one more line.
const PARTICIPANTS: [&str; 5] = [
    identity::NAME,
    profile_store::NAME,
    ingestion::NAME,
    automation::NAME,
    email_sender::NAME,
];

/// The built-in mailbox as a participant, where there is one.
pub(super) const MAILBOX: &str = "mailbox";

pub(super) struct Context {
    pub(super) settings: Settings,
    pub(super) runtime: Runtime,
    pub(super) coordination: Coordination,
    stores: HashMap<&'static str, Store>,
    /// Services of this process, with their layers.
    local: HashMap<&'static str, Service>,
    /// Connections to the others: one balancer for each, whoever calls.
    remote: Mutex<HashMap<String, Balancer>>,
    key: CallKey,
    /// Who else goes by the clock of this process.
    pub(super) witness: Witness,
}

impl Context {
    /// Of these services; nothing is connected yet. What can never work is refused.
    pub(super) fn new(
        settings: Settings,
        runtime: Runtime,
        data_dir: &Path,
        services: &[&'static str],
    ) -> Result<Self> {
        let coordination = Coordination::connect(&settings.coordination, runtime.clock.clone())?;
        let witness = Witness::default();
        let mut stores = HashMap::new();
        for service in services {
            let place = Place::of(service, &settings, data_dir)?;
            stores.insert(*service, Store::new(place, &runtime, witness.clone()));
        }
        let key = CallKey::new(&runtime.keys);
        Ok(Self {
            settings,
            runtime,
            coordination,
            stores,
            local: HashMap::new(),
            remote: Mutex::default(),
            key,
            witness,
        })
    }

    /// Opens every database and brings its schema up to this version, or fails at once. Data of another master key is
    /// left alone.
    pub(super) async fn open(&self, data_dir: &Path) -> Result<()> {
        let file = data_dir.join(MASTER_KEY);
        let remedy = format!("put that key into {}, or set keys.master", file.display());
        for (service, store) in &self.stores {
            let database = store.place().open(data_dir).await?;
            database
                .migrate()
                .await
                .with_context(|| format!("cannot bring the schema of {service} up to date"))?;
            database.require_key(&self.runtime.keys, &remedy).await?;
            store.opened(database);
        }
        Ok(())
    }

    /// Waits until the databases can be worked with.
    pub(super) async fn sound(&self) {
        for store in self.stores.values() {
            store.sound().await;
        }
    }

    /// The database of a service, which is open.
    pub(super) fn db(&self, service: &str) -> Db {
        let database = self.stores[service].database();
        database.expect("services are built on open databases").db.clone()
    }

    /// Whether no other process can use the store: so it is with SQLite, as the directory's lock proves.
    pub(super) fn owns_store(&self) -> bool {
        self.settings.database.url.is_empty()
    }

    /// Makes every database a condition of readiness, and shows how Redis is.
    pub(super) fn watch(&self, mut health: health::Builder) -> health::Builder {
        for store in self.stores.values() {
            let store = store.clone();
            health = health.probe(move || {
                let store = store.clone();
                async move { store.look().await }
            });
        }
        let coordination = self.coordination.clone();
        health.probe(move || {
            let coordination = coordination.clone();
            async move { redis(coordination.status().await).into_iter().collect() }
        })
    }

    /// The services that this one calls, to be looked at.
    pub(super) fn neighbours(&self, service: &'static str) -> Result<Neighbours, Error> {
        let admits_clients = edges::admits_clients(service) && service != identity::NAME;
        let calls = |name: &str| EDGES.iter().any(|edge| edge.from == service && edge.to == name);
        let mut peers = Vec::new();
        for (name, full_name) in chappe_proto::SERVICES {
            if calls(name) || (admits_clients && name == identity::NAME) {
                self.balancer(name)?;
                let addresses = address(&self.settings.peers, name);
                peers.push(Neighbour::new(name, full_name, setting(name), addresses));
            }
        }
        Ok(Neighbours::new(
            Connector::new(service, self.key.clone(), self.runtime.clock.clone()),
            self.runtime.clock.clone(),
            self.witness.clone(),
            !STATEFUL.contains(&service),
            peers,
        ))
    }

    /// Wraps routes in the layers; only services of the mesh may call them.
    pub(super) fn stack(&self, routes: Routes) -> Service {
        stack(routes, self.auth())
    }

    /// Admits services of this mesh.
    pub(super) fn auth(&self) -> Auth {
        Auth::services(self.key.clone(), self.runtime.clock.clone())
    }

    /// Makes a service reachable within this process.
    pub(super) fn add_local(&mut self, name: &'static str, service: Service) {
        self.local.insert(name, service);
    }

    /// The other end of a call from one service to another.
    pub(super) fn peer(&self, caller: &'static str, service: &str) -> Result<Peer, Error> {
        let connector = Connector::new(caller, self.key.clone(), self.runtime.clock.clone());
        match self.local.get(service) {
            Some(local) => Ok(connector.local(local.clone())),
            None => Ok(connector.remote(&self.balancer(service)?)),
        }
    }

    fn balancer(&self, service: &str) -> Result<Balancer, Error> {
        let mut remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remote.get(service) {
            return Ok(known.clone());
        }
        let balancer = Balancer::new(service, address(&self.settings.peers, service)).map_err(|error| {
            let message = format!("{}: {error}", setting(service));
            Error::invalid("PEER_ADDRESS", message)
        })?;
        remote.insert(service.to_owned(), balancer.clone());
        Ok(balancer)
    }

    /// Everyone who must take part in an erasure.
    pub(super) fn participants(&self) -> Result<Vec<(&'static str, Peer)>, Error> {
        let mailbox = self.local.contains_key(MAILBOX).then_some(MAILBOX);
        let names = PARTICIPANTS.into_iter().chain(mailbox);
        names.map(|name| Ok((name, self.peer(privacy::NAME, name)?))).collect()
    }
}

/// How Redis is, where there is one. Nothing depends on it.
fn redis(status: Status) -> Option<Finding> {
    let outcome = match status {
        Status::InProcess => return None,
        Status::Up => Ok(()),
        Status::Down(cause) => Err(Fault::degraded(
            format!("going on without Redis, more slowly: {cause}"),
            "look at coordination.redis_url and at the server",
        )),
    };
    Some(Finding::new("redis", outcome))
}

/// The name of the setting that says where a service is.
fn setting(service: &str) -> String {
    format!("peers.{}", service.replace('-', "_"))
}

fn address<'a>(peers: &'a Peers, service: &str) -> &'a str {
    match service {
        identity::NAME => &peers.identity,
        profile_store::NAME => &peers.profile_store,
        ingestion::NAME => &peers.ingestion,
        automation::NAME => &peers.automation,
        email_sender::NAME => &peers.email_sender,
        _ => &peers.privacy,
    }
}
