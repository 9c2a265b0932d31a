#![doc = include_str!("../README.md")]

mod app;
mod config;
mod domain;
mod job;
mod migration;
mod rpc;
mod store;

use std::sync::Arc;

use chappe_coordination::Coordination;
use chappe_kit::{Error, Runtime, grpc::Peer, lifecycle::TaskKind};
use chappe_store::Db;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use migration::Migrator;

use app::App;

/// The name of the service, in the edge list, in logs, and of its schema.
pub const NAME: &str = "email-sender";

/// What the service is handed.
#[derive(Clone)]
pub struct Deps {
    /// Clock, ids, lifecycle and keys.
    pub runtime: Runtime,
    /// Its own database, migrated.
    pub db: Db,
    /// Wake-ups.
    pub coordination: Coordination,
    /// Fresh profiles; takes engagement and opt-outs.
    pub profile_store: Peer,
}

/// The service.
#[derive(Clone)]
pub struct Service {
    app: Arc<App>,
}

impl Service {
    /// Builds it and, where the store is its own, settles what the process before it left. Nothing runs yet.
    pub async fn new(config: Config, deps: Deps) -> Result<Self, Error> {
        let app = Arc::new(App::new(config, deps)?);
        if app.config.exclusive_store {
            job::lapse::settle_all(&app).await?;
        }
        Ok(Self { app })
    }

    /// Adds the public contract.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        rpc::add_email(routes, Arc::clone(&self.app));
    }

    /// Adds what it owes the people whose data it holds.
    pub fn add_internal(&self, routes: &mut RoutesBuilder) {
        rpc::add_data_subject(routes, Arc::clone(&self.app));
    }

    /// Starts delivery and its companions.
    pub fn start(&self) {
        let lifecycle = &self.app.runtime.lifecycle;
        let app = || Arc::clone(&self.app);
        lifecycle.spawn(TaskKind::Essential, "email-sender.deliver", job::deliver::run(app()));
        lifecycle.spawn(TaskKind::Essential, "email-sender.lapse", job::lapse::run(app()));
        lifecycle.spawn(
            TaskKind::Essential,
            "email-sender.opt-outs",
            job::relay::opt_outs::run(app()),
        );
        lifecycle.spawn(
            TaskKind::Essential,
            "email-sender.engagement",
            job::relay::engagement::run(app()),
        );
        lifecycle.spawn(TaskKind::Essential, "email-sender.purge", job::purge::run(app()));
    }

    /// Delivers one micro-batch to its end; tells how many messages it had. What [`Service::start`] does all the time.
    pub async fn deliver_once(&self) -> Result<usize, Error> {
        job::deliver::once(&self.app).await
    }

    /// Settles claims that have run out; tells how many.
    pub async fn settle_once(&self) -> Result<u64, Error> {
        job::lapse::once(&self.app).await
    }

    /// Hands opt-outs and then engagement over to profile-store; tells how many rows were taken.
    pub async fn relay_once(&self) -> Result<usize, Error> {
        let opt_outs = job::relay::opt_outs::once(&self.app).await?;
        Ok(opt_outs + job::relay::engagement::once(&self.app).await?)
    }

    /// Forgets what is past its time, as every hour; tells how many messages that was.
    pub async fn purge_once(&self) -> Result<u64, Error> {
        job::purge::once(&self.app).await
    }
}
