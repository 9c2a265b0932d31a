//! What every RPC and job works with.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

use chappe_coordination::Coordination;
use chappe_ids::ProjectId;
use chappe_kit::{
    Error, Runtime, Timestamp,
    grpc::{MAX_MESSAGE_BYTES, Peer},
};
use chappe_proto::{
    email::email_service_client::EmailServiceClient, profile::profile_service_client::ProfileServiceClient,
};
use chappe_store::Db;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use tokio::sync::{MutexGuard, watch};
use uuid::Uuid;

use crate::{
    Config, Deps,
    domain::{
        definition::Definition,
        entry::Entry,
        instance::{Automation, Catalogue},
        parse,
    },
    store::{
        definitions::{self, Current, VersionKey},
        lanes::{self, Held},
    },
};

/// Parsed definitions kept at hand. Beyond it all are parsed again.
const MAX_CACHED: usize = 4_096;

pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) coordination: Coordination,
    pub(crate) runtime: Runtime,
    pub(crate) profile_store: Peer,
    pub(crate) email_sender: Peer,
    /// Names this process among those that share out the lanes.
    pub(crate) worker: Uuid,
    /// Lanes as of the last renewal. The fence has the last word.
    pub(crate) held: watch::Sender<Held>,
    /// Whether lanes of a process before this one were looked for.
    pub(crate) has_joined: AtomicBool,
    /// Whether every project's interest was told once by this process.
    pub(crate) has_told: AtomicBool,
    /// One fenced batch at a time: two that touch the same lanes in another order would block each other.
    batch: tokio::sync::Mutex<()>,
    /// Parsed definitions; a version never changes.
    parsed: Mutex<HashMap<VersionKey, Arc<Definition>>>,
}

/// The turn of a batch.
pub(crate) struct Batch<'a> {
    worker: Uuid,
    lanes: Held,
    _turn: MutexGuard<'a, ()>,
}

impl Batch<'_> {
    /// Lets `txn` go on only while the lanes of the batch are held.
    pub(crate) async fn fence(&self, txn: &DatabaseTransaction) -> Result<(), Error> {
        lanes::fence(txn, self.worker, &self.lanes).await
    }
}

impl App {
    pub(crate) fn new(config: Config, deps: Deps) -> Self {
        Self {
            config,
            worker: deps.runtime.ids.uuid(),
            db: deps.db,
            coordination: deps.coordination,
            runtime: deps.runtime,
            profile_store: deps.profile_store,
            email_sender: deps.email_sender,
            held: watch::Sender::new(Held::new()),
            has_joined: AtomicBool::new(false),
            has_told: AtomicBool::new(false),
            batch: tokio::sync::Mutex::new(()),
            parsed: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.runtime.clock.now()
    }

    pub(crate) fn profiles(&self) -> ProfileServiceClient<Peer> {
        ProfileServiceClient::new(self.profile_store.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn emails(&self) -> EmailServiceClient<Peer> {
        EmailServiceClient::new(self.email_sender.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The turn of a batch that touches some lanes. Its fence is the batch's first statement.
    pub(crate) async fn batch(&self, held: &Held, touched: &HashSet<u8>) -> Batch<'_> {
        // A lane that is not held gets an epoch that never was, so that the fence refuses the batch.
        let epoch = |lane: &u8| (*lane, held.get(lane).copied().unwrap_or(-1));
        Batch {
            worker: self.worker,
            lanes: touched.iter().map(epoch).collect(),
            _turn: self.batch.lock().await,
        }
    }

    /// The turn of a change of definitions: batches of this process wait until the guard is dropped, and those of
    /// others at the lanes it locks.
    pub(crate) async fn between_batches(&self) -> MutexGuard<'_, ()> {
        self.batch.lock().await
    }

    /// Definitions of some versions. One that this process cannot read is left out, with a line in the log.
    pub(crate) async fn definitions(
        &self,
        conn: &impl ConnectionTrait,
        keys: impl IntoIterator<Item = VersionKey>,
    ) -> Result<HashMap<VersionKey, Arc<Definition>>, Error> {
        let wanted: HashSet<VersionKey> = keys.into_iter().collect();
        let mut found: HashMap<VersionKey, Arc<Definition>> = {
            let parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
            let known = wanted.iter().filter_map(|key| Some((*key, parsed.get(key)?.clone())));
            known.collect()
        };
        let missing: Vec<VersionKey> = wanted.into_iter().filter(|key| !found.contains_key(key)).collect();
        for (key, spec) in definitions::specs(conn, &missing).await? {
            if let Ok(definition) = parse::parse(&spec) {
                found.insert(key, Arc::new(definition));
            } else {
                tracing::error!(
                    automation.id = %key.1,
                    automation.version = key.2,
                    "a stored definition cannot be read by this version of the program; its entries wait"
                );
            }
        }
        if !missing.is_empty() {
            let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
            if parsed.len() > MAX_CACHED {
                parsed.clear();
            }
            parsed.extend(found.iter().map(|(key, definition)| (*key, definition.clone())));
        }
        Ok(found)
    }

    /// The catalogues of projects: their automations, and the versions that the entries are on.
    pub(crate) async fn catalogues(
        &self,
        conn: &impl ConnectionTrait,
        current: &[Current],
        entries: &[Entry],
    ) -> Result<HashMap<ProjectId, Catalogue>, Error> {
        let of_automations = current.iter().map(|now| (now.project, now.id, now.version));
        let of_entries = entries
            .iter()
            .map(|entry| (entry.project, entry.automation, entry.version));
        let known = self.definitions(conn, of_automations.chain(of_entries)).await?;
        let mut catalogues: HashMap<ProjectId, Catalogue> = HashMap::new();
        for now in current {
            if let Some(definition) = known.get(&(now.project, now.id, now.version)) {
                let automation = Automation {
                    id: now.id,
                    version: now.version,
                    state: now.state,
                    definition: definition.clone(),
                };
                catalogues.entry(now.project).or_default().automations.push(automation);
            }
        }
        for ((project, automation, version), definition) in known {
            let catalogue = catalogues.entry(project).or_default();
            catalogue.versions.insert((automation, version), definition);
        }
        Ok(catalogues)
    }
}
