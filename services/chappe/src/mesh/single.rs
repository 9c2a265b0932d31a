//! One service of the mesh in a process of its own, on PostgreSQL.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use chappe_kit::{
    Clock, Error, ErrorKind, IdGen, Lifecycle, Runtime, admin,
    grpc::{
        door::Door,
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

/// How long to wait before a service is built again, whose database went away meanwhile.
const BUILD_PAUSE: Duration = Duration::from_secs(1);

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
    let context = Context::new(settings, runtime, Path::new("."), &stateful);
    let mut context = context.with_context(|| format!("cannot start {service}"))?;
    let lifecycle = context.runtime.lifecycle.clone();
    let (health, health_service) = watched(&context, service)?.build().await;
    let metrics = telemetry::init_metrics()?;
    let admin = admin::serve(admin_listener, health.clone(), metrics, lifecycle.clone());
    lifecycle.spawn(TaskKind::Essential, "admin", admin);
    process::probe(&lifecycle, health.clone());

    if service == gateway::NAME {
        let router = part::gateway(&context)?.router();
        lifecycle.spawn(
            TaskKind::Essential,
            "rest",
            gateway::serve(listener, router, lifecycle.clone()),
        );
    } else {
        let door = Door::default();
        let starting = stack(Routes::new(health_service.clone()), noted(&context, context.auth()));
        let grpc = server::serve(listener, door.service(starting), lifecycle.clone());
        lifecycle.spawn(TaskKind::Essential, "grpc", grpc);
        let part = tokio::select! {
            () = signals.asked_to_stop(&lifecycle) => return Ok(process::stop(&lifecycle, &health).await),
            part = built(&context, service) => part?,
        };
        let mut routes = Routes::builder();
        part.add_to(&mut routes);
        part.add_internal(&mut routes);
        routes.add_service(health_service);
        let auth = auth(&mut context, part.as_ref(), service)?;
        door.open(stack(server::with_reflection(routes)?, noted(&context, auth)));
        part.start();
    }
    tokio::select! {
        () = signals.asked_to_stop(&lifecycle) => return Ok(process::stop(&lifecycle, &health).await),
        () = ready(&health) => {}
    }
    output::line(&format!("chappe ready service={service} {addresses}"))?;
    signals.asked_to_stop(&lifecycle).await;
    let delay = Duration::from_millis(context.settings.listen.drain_ms);
    process::drain(&lifecycle, &health, delay, &mut signals).await;
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

/// Everything that readiness depends on, and what is worth showing beside it.
fn watched(context: &Context, service: &'static str) -> Result<health::Builder> {
    let neighbours = Arc::new(context.neighbours(service)?);
    let health = context.watch(health::Builder::default()).probe(move || {
        let neighbours = neighbours.clone();
        async move { neighbours.look().await }
    });
    let own = chappe_proto::SERVICES.iter().filter(|(package, _)| *package == service);
    Ok(own.fold(health, |health, (_, full_name)| health.service(full_name)))
}

/// Every call from another process tells whether it goes by our clock.
fn noted(context: &Context, auth: Auth) -> Auth {
    auth.noting(context.witness.clone())
}

/// Builds the service as soon as its database can be worked with; again, should that go away meanwhile.
async fn built(context: &Context, service: &'static str) -> Result<Box<dyn Part>> {
    loop {
        context.sound().await;
        match part::build(context, service).await {
            Err(error) if is_unavailable(&error) => {
                tracing::warn!("cannot start {service} yet: {error:#}");
                context.runtime.lifecycle.pause(BUILD_PAUSE).await;
            }
            done => return done,
        }
    }
}

fn is_unavailable(error: &anyhow::Error) -> bool {
    let ours = error.downcast_ref::<Error>();
    ours.is_some_and(|error| error.kind() == ErrorKind::Unavailable)
}

async fn ready(health: &Health) {
    health.started().await;
    health.ready().await;
}

fn kind(service: &str) -> &'static str {
    if service == gateway::NAME { "rest" } else { "grpc" }
}
