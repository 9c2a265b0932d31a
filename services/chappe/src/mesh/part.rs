//! Each gRPC service as a part of a process, built the same way for both forms.

use anyhow::{Result, bail};
use tonic::service::RoutesBuilder;

use super::context::Context;

/// The gRPC services, each after those it calls.
pub(super) const ORDER: [&str; 6] = [
    identity::NAME,
    profile_store::NAME,
    email_sender::NAME,
    automation::NAME,
    ingestion::NAME,
    privacy::NAME,
];

/// A service of this process.
pub(super) trait Part {
    /// Adds the public contract.
    fn add_to(&self, routes: &mut RoutesBuilder);
    /// Adds what only services of the mesh call.
    fn add_internal(&self, routes: &mut RoutesBuilder);
    /// Starts background work.
    fn start(&self);
}

macro_rules! parts {
    ($($service:ident),*) => {$(
        impl Part for $service::Service {
            fn add_to(&self, routes: &mut RoutesBuilder) {
                self.add_to(routes);
            }

            fn add_internal(&self, routes: &mut RoutesBuilder) {
                self.add_internal(routes);
            }

            fn start(&self) {
                self.start();
            }
        }
    )*};
}

parts!(identity, profile_store, email_sender, automation, ingestion, privacy);

/// Builds a service by its name.
pub(super) async fn build(context: &Context, name: &str) -> Result<Box<dyn Part>> {
    Ok(match name {
        identity::NAME => Box::new(identity(context)?),
        profile_store::NAME => Box::new(profile_store(context)?),
        email_sender::NAME => Box::new(email_sender(context).await?),
        automation::NAME => Box::new(automation(context).await?),
        ingestion::NAME => Box::new(ingestion(context)?),
        privacy::NAME => Box::new(privacy(context).await?),
        _ => bail!("there is no gRPC service {name}"),
    })
}

fn identity(context: &Context) -> Result<identity::Service> {
    let deps = identity::Deps {
        runtime: context.runtime.clone(),
        db: context.db(identity::NAME),
    };
    Ok(identity::Service::new(context.settings.identity.clone(), deps)?)
}

fn profile_store(context: &Context) -> Result<profile_store::Service> {
    let deps = profile_store::Deps {
        runtime: context.runtime.clone(),
        db: context.db(profile_store::NAME),
        coordination: context.coordination.clone(),
    };
    Ok(profile_store::Service::new(
        context.settings.profile_store.clone(),
        deps,
    )?)
}

async fn email_sender(context: &Context) -> Result<email_sender::Service> {
    let mut config = context.settings.email_sender.clone();
    config.exclusive_store = context.owns_store();
    let deps = email_sender::Deps {
        runtime: context.runtime.clone(),
        db: context.db(email_sender::NAME),
        coordination: context.coordination.clone(),
        profile_store: context.peer(email_sender::NAME, profile_store::NAME)?,
    };
    Ok(email_sender::Service::new(config, deps).await?)
}

async fn automation(context: &Context) -> Result<automation::Service> {
    let mut config = context.settings.automation.clone();
    config.exclusive_store = context.owns_store();
    let deps = automation::Deps {
        runtime: context.runtime.clone(),
        db: context.db(automation::NAME),
        coordination: context.coordination.clone(),
        profile_store: context.peer(automation::NAME, profile_store::NAME)?,
        email_sender: context.peer(automation::NAME, email_sender::NAME)?,
    };
    Ok(automation::Service::new(config, deps).await?)
}

fn ingestion(context: &Context) -> Result<ingestion::Service> {
    let deps = ingestion::Deps {
        runtime: context.runtime.clone(),
        coordination: context.coordination.clone(),
        identity: context.peer(ingestion::NAME, identity::NAME)?,
        profile_store: context.peer(ingestion::NAME, profile_store::NAME)?,
    };
    Ok(ingestion::Service::new(context.settings.ingestion.clone(), deps)?)
}

async fn privacy(context: &Context) -> Result<privacy::Service> {
    let deps = privacy::Deps {
        runtime: context.runtime.clone(),
        db: context.db(privacy::NAME),
        coordination: context.coordination.clone(),
        identity: context.peer(privacy::NAME, identity::NAME)?,
        profile_store: context.peer(privacy::NAME, profile_store::NAME)?,
        participants: context.participants()?,
    };
    Ok(privacy::Service::new(context.settings.privacy.clone(), deps).await?)
}

/// The gateway, which speaks REST and is a peer of nobody.
pub(super) fn gateway(context: &Context) -> Result<gateway::Service> {
    let peer = |name| context.peer(gateway::NAME, name);
    let deps = gateway::Deps {
        runtime: context.runtime.clone(),
        coordination: context.coordination.clone(),
        identity: peer(identity::NAME)?,
        ingestion: peer(ingestion::NAME)?,
        profile_store: peer(profile_store::NAME)?,
        automation: peer(automation::NAME)?,
        email_sender: peer(email_sender::NAME)?,
        privacy: peer(privacy::NAME)?,
    };
    Ok(gateway::Service::new(context.settings.gateway.clone(), deps)?)
}
