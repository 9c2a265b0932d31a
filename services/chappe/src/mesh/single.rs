//! One service of the mesh in a process of its own, on PostgreSQL.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use chappe_kit::{
    Clock, IdGen, Lifecycle, Runtime, admin,
    grpc::{
        layer::{Auth, stack},
        rest_keys::RestKeys,
        server,
    },
    health::{self, Health},
    lifecycle::TaskKind,
    telemetry,
};
use chappe_proto::edges;
use tonic::service::Routes;

use super::{
    context::Context,
    database,
    listeners::reachable,
    part::{self, Part},
    process::{self, Signals},
};
use crate::{output, settings::Settings};

/// How often a schema that is too old is looked at again.
const SCHEMA_POLL: Duration = Duration::from_secs(1);

/// Runs a service until it is asked to stop.
pub(crate) async fn run(settings: Settings, service: &'static str) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    if settings.database.url.is_empty() && database::STATEFUL.contains(&service) {
        bail!("{service} needs PostgreSQL: set --database-url or CHAPPE__DATABASE__URL_FILE");
    }
    let Some(keys) = settings.keys.master()? else {
        bail!("keys.master is not set; give every service of the mesh the same key, with CHAPPE__KEYS__MASTER_FILE");
    };
    let runtime = Runtime {
        clock: Clock::system(),
        ids: IdGen::system(),
        lifecycle: Lifecycle::new(),
        keys,
    };
    let listener = match service {
        gateway::NAME => server::bind("REST (--rest)", settings.listen.rest).await?,
        _ => server::bind("gRPC (--grpc)", settings.listen.grpc).await?,
    };
    let admin_listener = server::bind("metrics and probes (--admin)", settings.listen.admin).await?;
    let addresses = format!(
        "{}={} admin={}",
        kind(service),
        reachable(&listener)?,
        reachable(&admin_listener)?
    );

    let stateful: Vec<&'static str> = database::STATEFUL.into_iter().filter(|name| *name == service).collect();
    let opened = Context::open(settings, runtime, Path::new("."), &stateful).await;
    let mut context = opened.with_context(|| format!("cannot start {service}"))?;
    let lifecycle = context.runtime.lifecycle.clone();
    let health = context.watch_databases(health::Builder::default());
    let (health, health_service) = chappe_proto::SERVICES
        .iter()
        .filter(|(package, _)| *package == service)
        .fold(health, |health, (_, full_name)| health.service(full_name))
        .build()
        .await;
    let metrics = telemetry::init_metrics()?;
    let admin = admin::serve(admin_listener, health.clone(), metrics, lifecycle.clone());
    lifecycle.spawn(TaskKind::Essential, "admin", admin);

    if !schema_is_current(&context, &lifecycle, &mut signals).await {
        return Ok(process::stop(&lifecycle, &health).await);
    }
    if service == gateway::NAME {
        let router = part::gateway(&context)?.router();
        lifecycle.spawn(
            TaskKind::Essential,
            "rest",
            gateway::serve(listener, router, lifecycle.clone()),
        );
    } else {
        let part = part::build(&context, service).await?;
        let mut routes = Routes::builder();
        part.add_to(&mut routes);
        part.add_internal(&mut routes);
        routes.add_service(health_service);
        let auth = auth(&mut context, part.as_ref(), service)?;
        let grpc = stack(server::with_reflection(routes)?, auth);
        lifecycle.spawn(
            TaskKind::Essential,
            "grpc",
            server::serve(listener, grpc, lifecycle.clone()),
        );
        part.start();
    }
    ready(&health, &lifecycle, service, &addresses).await?;
    signals.asked_to_stop(&lifecycle).await;
    Ok(process::stop(&lifecycle, &health).await)
}

/// Whom a service admits. It asks identity about the keys of clients; identity asks itself, as the gateway would.
fn auth(context: &mut Context, part: &dyn Part, service: &'static str) -> Result<Auth> {
    if !edges::admits_clients(service) {
        return Ok(context.auth());
    }
    let mut caller = service;
    if service == identity::NAME {
        let mut routes = Routes::builder();
        part.add_to(&mut routes);
        context.add_local(service, context.stack(routes.routes()));
        caller = gateway::NAME;
    }
    let keys = RestKeys::new(context.peer(caller, identity::NAME)?);
    Ok(context.auth().with_clients(Arc::new(keys)))
}

async fn ready(health: &Health, lifecycle: &Lifecycle, service: &str, addresses: &str) -> Result<()> {
    health.probe().await;
    process::probe(lifecycle, health.clone());
    output::line(&format!("chappe ready service={service} {addresses}"))
}

fn kind(service: &str) -> &'static str {
    if service == gateway::NAME { "rest" } else { "grpc" }
}

/// Waits, unready, until the schema is as new as this version; `false` when asked to stop before.
async fn schema_is_current(context: &Context, lifecycle: &Lifecycle, signals: &mut Signals) -> bool {
    let mut told = false;
    loop {
        match context.pending().await {
            Ok(pending) if pending.is_empty() => return true,
            Ok(pending) if !told => {
                tracing::warn!(
                    "the schema lacks {}: run chappe migrate; waiting for it",
                    pending.join(", ")
                );
                told = true;
            }
            Ok(_) => {}
            Err(error) => error.log("reading the version of the schema"),
        }
        tokio::select! {
            () = signals.asked_to_stop(lifecycle) => return false,
            _ = lifecycle.pause(SCHEMA_POLL) => {}
        }
    }
}
