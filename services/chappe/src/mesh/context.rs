//! What services are built from: stores, and peers that are in this process or behind TCP.

use std::{collections::HashMap, path::Path};

use anyhow::{Context as _, Result};
use chappe_coordination::Coordination;
use chappe_kit::{
    Error, Runtime,
    grpc::{
        CallKey, Peer, Service,
        layer::{Auth, stack},
        peer::Connector,
    },
    health,
};
use chappe_store::Db;
use tonic::service::Routes;

use super::database::{self, Database};
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
    databases: HashMap<&'static str, Database>,
    /// Services of this process, with their layers.
    local: HashMap<&'static str, Service>,
    key: CallKey,
}

impl Context {
    /// Opens the databases of these services.
    pub(super) async fn open(
        settings: Settings,
        runtime: Runtime,
        data_dir: &Path,
        services: &[&'static str],
    ) -> Result<Self> {
        let coordination = Coordination::connect(&settings.coordination, runtime.clock.clone())?;
        let mut databases = HashMap::new();
        for service in services {
            databases.insert(*service, database::open(&settings, data_dir, service).await?);
        }
        let key = CallKey::new(&runtime.keys);
        Ok(Self {
            settings,
            runtime,
            coordination,
            databases,
            local: HashMap::new(),
            key,
        })
    }

    /// Brings every schema up to this version.
    pub(super) async fn migrate(&self) -> Result<()> {
        for (service, database) in &self.databases {
            database
                .migrate()
                .await
                .with_context(|| format!("cannot bring the schema of {service} up to date"))?;
        }
        Ok(())
    }

    /// Steps that some schema lacks.
    pub(super) async fn pending(&self) -> Result<Vec<String>, Error> {
        let mut pending = Vec::new();
        for database in self.databases.values() {
            pending.extend(database.pending().await?);
        }
        Ok(pending)
    }

    /// The database of a service.
    pub(super) fn db(&self, service: &str) -> Db {
        self.databases[service].db.clone()
    }

    /// Whether no other process can use the store: so it is with SQLite, as the directory's lock proves.
    pub(super) fn owns_store(&self) -> bool {
        self.settings.database.url.is_empty()
    }

    /// Makes every database a condition of readiness.
    pub(super) fn watch_databases(&self, mut health: health::Builder) -> health::Builder {
        for (service, database) in &self.databases {
            let db = database.db.clone();
            health = health.check(service, move || {
                let db = db.clone();
                async move { db.ping().await }
            });
        }
        health
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
            None => connector.remote(address(&self.settings.peers, service)),
        }
    }

    /// Everyone who must take part in an erasure.
    pub(super) fn participants(&self) -> Result<Vec<(&'static str, Peer)>, Error> {
        let mailbox = self.local.contains_key(MAILBOX).then_some(MAILBOX);
        let names = PARTICIPANTS.into_iter().chain(mailbox);
        names.map(|name| Ok((name, self.peer(privacy::NAME, name)?))).collect()
    }
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
