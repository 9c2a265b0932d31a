//! What every part of the service works with.

use std::sync::{Arc, Mutex, PoisonError};

use chappe_coordination::Coordination;
use chappe_ids::ProjectId;
use chappe_kit::{
    Error, Runtime, Timestamp,
    grpc::{MAX_MESSAGE_BYTES, Peer},
    keys::Key,
};
use chappe_proto::profile::profile_service_client::ProfileServiceClient;
use chappe_smtp::{Pool, PoolConfig};
use chappe_store::Db;
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::{
    Config, Deps,
    domain::{
        mail::Stationery,
        message::Version,
        path::{Passage, Path},
        resource::SenderSpec,
        template::Compiled,
        token::AddressHash,
    },
};

/// Topics of wake-ups.
pub(crate) mod topic {
    pub(crate) const MESSAGES: &str = "email-sender.messages";
    pub(crate) const OUTCOMES: &str = "email-sender.outcomes";
    pub(crate) const OPT_OUTS: &str = "email-sender.opt-outs";
    pub(crate) const ENGAGEMENT: &str = "email-sender.engagement";
}

/// Compiled templates and senders kept at hand.
const CACHED: u64 = 1_000;

/// Messages handed to the pool at a time, per connection: one on the wire, one behind it, one that is ready.
const WINDOW_PER_CONNECTION: u32 = 3;

pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) runtime: Runtime,
    pub(crate) db: Db,
    pub(crate) coordination: Coordination,
    pub(crate) profiles: ProfileServiceClient<Peer>,
    pub(crate) pool: Pool,
    pub(crate) stationery: Stationery,
    /// Versions never change, so what is compiled stays right.
    pub(crate) templates: Cache<(ProjectId, Version), Arc<Compiled>>,
    pub(crate) senders: Cache<(ProjectId, Version), Arc<SenderSpec>>,
    /// Micro-batches on their way.
    pub(crate) batches: Arc<Semaphore>,
    /// Messages handed to the pool.
    pub(crate) window: Arc<Semaphore>,
    address_key: Key,
    path: Mutex<Path>,
}

impl App {
    pub(crate) fn new(config: Config, deps: Deps) -> Result<Self, Error> {
        let pool = PoolConfig {
            max_connections: config.max_connections.max(1) as usize,
            ..PoolConfig::new(config.smtp_url.clone(), config.helo_name.as_str())
        };
        let pool =
            Pool::new(pool).map_err(|error| Error::invalid_field("email_sender.helo_name", error.to_string()))?;
        let public_url = config.public_url.trim_end_matches('/').to_owned();
        if !(public_url.starts_with("http://") || public_url.starts_with("https://")) {
            return Err(Error::invalid_field(
                "email_sender.public_url",
                "write https://host, as recipients reach it",
            ));
        }
        let keys = &deps.runtime.keys;
        Ok(Self {
            stationery: Stationery {
                token_key: keys.derive("tracking-token"),
                message_id_key: keys.derive("message-id"),
                public_url,
                unsubscribe_mailto: config.unsubscribe_mailto.clone(),
            },
            address_key: keys.derive("address"),
            profiles: ProfileServiceClient::new(deps.profile_store)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
            pool,
            templates: Cache::new(CACHED),
            senders: Cache::new(CACHED),
            batches: Arc::new(Semaphore::new(config.batches_in_flight.max(1) as usize)),
            window: Arc::new(Semaphore::new(
                (config.max_connections.max(1) * WINDOW_PER_CONNECTION) as usize,
            )),
            path: Mutex::default(),
            config,
            runtime: deps.runtime,
            db: deps.db,
            coordination: deps.coordination,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.runtime.clock.now()
    }

    /// What stands for an address where it may not be kept.
    pub(crate) fn address_hash(&self, project: ProjectId, address: &str) -> AddressHash {
        AddressHash::of(&self.address_key, project, address)
    }

    /// How many messages may be claimed now: all of a batch, a few, or none.
    pub(crate) fn allowance(&self) -> u32 {
        match self.with_path(|path| path.passage(self.now())) {
            Passage::Open => self.config.batch_size(),
            Passage::Probe => self.config.max_connections.max(1),
            Passage::Closed(_) => 0,
        }
    }

    /// The relay was not reached, or wants us to stay away. Answers when to come back.
    pub(crate) fn path_failed(&self, now: Timestamp) -> Timestamp {
        let (was_failing, until) = self.with_path(|path| (path.is_failing(), path.failed(now)));
        if !was_failing {
            tracing::warn!(
                "the relay {} takes no messages; they wait and are tried again, each says why: chappe get messages",
                self.config.smtp_url
            );
        }
        until
    }

    /// The relay answered about a message.
    pub(crate) fn path_worked(&self) {
        let was_failing = self.with_path(|path| {
            let was_failing = path.is_failing();
            path.worked();
            was_failing
        });
        if was_failing {
            tracing::info!("the relay {} takes messages again", self.config.smtp_url);
        }
    }

    fn with_path<T>(&self, work: impl FnOnce(&mut Path) -> T) -> T {
        work(&mut self.path.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
