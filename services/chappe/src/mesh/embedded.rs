//! Every service in one process. Peers are joined in memory, through the same clients, servers and layers
//! as over TCP.

use std::{fs::File, path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context as _, Result};
use chappe_kit::{
    Clock, IdGen, Lifecycle, Runtime, admin,
    grpc::{layer::stack, rest_keys::RestKeys, server},
    health::{self, Health},
    lifecycle::TaskKind,
    telemetry,
};
use chappe_proto::privacy::data_subject_service_server::DataSubjectServiceServer;
use chappe_smtp::{Handler, Received, Receiver, Reply};
use tonic::service::{Routes, RoutesBuilder};

use super::{
    context::{Context, MAILBOX},
    database,
    first_start::{self, OPERATOR},
    listeners::{Listeners, reachable},
    part::{self, Part},
    process::{self, Signals},
};
use crate::{
    capture::{self, CaptureSubject, Mailbox},
    credentials::Credentials,
    settings::Settings,
};

/// The host of `smtp://capture`: e-mails go to the built-in mailbox.
const CAPTURE: &str = "capture";

/// The defaults of the one-process form: e-mails stay in the built-in mailbox, and links lead to whatever
/// address REST gets.
pub(crate) fn defaults() -> Settings {
    let mut settings = Settings::default();
    settings.email_sender.smtp_url = format!("smtp://{CAPTURE}").parse().expect("a constant URL");
    settings.email_sender.public_url.clear();
    settings
}

/// A running mesh.
pub(crate) struct Embedded {
    credentials: Credentials,
    mailbox: Option<Mailbox>,
    lifecycle: Lifecycle,
    health: Health,
    /// Held until the end.
    _lock: File,
}

impl Embedded {
    /// Starts everything on a data directory; when this returns, all listeners accept.
    pub(crate) async fn start(mut settings: Settings, data_dir: &Path) -> Result<Self> {
        let lock = first_start::lock(data_dir)?;
        let listeners = Listeners::bind(&settings.listen).await?;
        let ids = IdGen::system();
        let keys = first_start::master_key(&settings, data_dir, &ids)?;
        let runtime = Runtime {
            clock: Clock::system(),
            lifecycle: Lifecycle::new(),
            keys,
            ids,
        };
        let rest_url = format!("http://{}", reachable(&listeners.rest)?);
        if settings.email_sender.public_url.is_empty() {
            settings.email_sender.public_url.clone_from(&rest_url);
        }
        settings.gateway.public_base_url.get_or_insert_with(|| rest_url.clone());
        let mailbox = capture_mails(&mut settings, &runtime).await?;

        let mut context = Context::new(settings, runtime, data_dir, &database::STATEFUL)?;
        context.open(data_dir).await?;
        let mut public = Routes::builder();
        let parts = join(&mut context, &mut public, mailbox.as_ref()).await?;

        let mut credentials = first_start::credentials(context.peer(OPERATOR, identity::NAME)?, data_dir).await?;
        credentials.rest_url = rest_url;
        credentials.grpc_addr = reachable(&listeners.grpc)?.to_string();
        credentials.admin_url = format!("http://{}", reachable(&listeners.admin)?);
        if mailbox.is_some() {
            credentials.smtp_capture_url = format!("{}/dev/mailbox", credentials.rest_url);
        }
        credentials.write(data_dir)?;

        let health = serve(&context, public, listeners, mailbox.clone(), &credentials).await?;
        for part in &parts {
            part.start();
        }
        Ok(Self {
            credentials,
            mailbox,
            lifecycle: context.runtime.lifecycle,
            health,
            _lock: lock,
        })
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The built-in mailbox, when e-mails go there.
    pub(crate) fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.as_ref()
    }

    /// Waits until somebody asks for the end.
    pub(crate) async fn asked_to_stop(&self, signals: &mut Signals) {
        signals.asked_to_stop(&self.lifecycle).await;
    }

    /// Ends in order.
    pub(crate) async fn stop(self) -> ExitCode {
        process::stop(&self.lifecycle, &self.health).await
    }
}

/// Starts the built-in receiver when e-mails go there, and points the sender at it.
async fn capture_mails(settings: &mut Settings, runtime: &Runtime) -> Result<Option<Mailbox>> {
    if settings.email_sender.smtp_url.host() != CAPTURE {
        return Ok(None);
    }
    let mailbox = Mailbox::new(runtime.clock.clone());
    let receiver = Receiver::bind("127.0.0.1:0")
        .await
        .context("cannot listen for the built-in mailbox")?;
    settings.email_sender.smtp_url = format!("smtp://{}", receiver.local_addr()?).parse()?;
    let (keep, lifecycle) = (Arc::new(Keep(mailbox.clone())), runtime.lifecycle.clone());
    runtime.lifecycle.spawn(TaskKind::Essential, "capture", async move {
        receiver.serve(keep, lifecycle.stopping()).await;
    });
    Ok(Some(mailbox))
}

struct Keep(Mailbox);

impl Handler for Keep {
    async fn on_message(&self, message: Received) -> Reply {
        self.0.deliver(message.mail_from, message.rcpt_to, message.data);
        Reply::new(250, "2.0.0", "kept")
    }
}

/// Builds every service after those it calls, and joins them.
async fn join(
    context: &mut Context,
    public: &mut RoutesBuilder,
    mailbox: Option<&Mailbox>,
) -> Result<Vec<Box<dyn Part>>> {
    let mut parts = Vec::with_capacity(part::ORDER.len());
    for name in part::ORDER {
        if name == privacy::NAME
            && let Some(mailbox) = mailbox
        {
            let subject = CaptureSubject::new(mailbox.clone(), context.peer(OPERATOR, profile_store::NAME)?);
            let routes = Routes::new(DataSubjectServiceServer::new(subject));
            context.add_local(MAILBOX, context.stack(routes));
        }
        let part = part::build(context, name).await?;
        let mut routes = Routes::builder();
        part.add_to(&mut routes);
        part.add_internal(&mut routes);
        context.add_local(name, context.stack(routes.routes()));
        part.add_to(public);
        parts.push(part);
    }
    Ok(parts)
}

/// Opens all listeners.
async fn serve(
    context: &Context,
    mut public: RoutesBuilder,
    listeners: Listeners,
    mailbox: Option<Mailbox>,
    credentials: &Credentials,
) -> Result<Health> {
    let lifecycle = &context.runtime.lifecycle;
    let mut health = context.watch(health::Builder::default());
    for (_, full_name) in chappe_proto::SERVICES {
        health = health.service(full_name);
    }
    let (health, health_service) = health.build().await;
    public.add_service(health_service);
    health.started().await;
    process::probe(lifecycle, health.clone());

    let mut router = part::gateway(context)?.router();
    if let Some(mailbox) = mailbox {
        let key = (!listeners.rest.local_addr()?.ip().is_loopback()).then(|| credentials.rest_api_key.clone());
        router = router.merge(capture::routes(mailbox, credentials.rest_url.clone(), key));
    }
    let rest_keys = RestKeys::new(context.peer(gateway::NAME, identity::NAME)?);
    let auth = context.auth().with_clients(Arc::new(rest_keys));
    let grpc = stack(server::with_reflection(public)?, auth);

    lifecycle.spawn(
        TaskKind::Essential,
        "rest",
        gateway::serve(listeners.rest, router, lifecycle.clone()),
    );
    lifecycle.spawn(
        TaskKind::Essential,
        "grpc",
        server::serve(listeners.grpc, grpc, lifecycle.clone()),
    );
    let admin = admin::serve(
        listeners.admin,
        health.clone(),
        telemetry::init_metrics()?,
        lifecycle.clone(),
    );
    lifecycle.spawn(TaskKind::Essential, "admin", admin);
    Ok(health)
}
