//! `/chappe/v1/resources`: what people keep as YAML in git, shared out to the services that own each kind.

pub(super) mod apply;
pub(super) mod delete;
pub(super) mod list;
mod references;

use chappe_ids::ProjectId;
use chappe_kit::{Error, grpc::call};
use chappe_proto::types::{ApplyResourcesRequest, ApplyResourcesResponse, ListResourcesRequest, Resource};

use crate::App;

/// A kind of resource that this version knows, in the order of being applied: nothing refers to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Project,
    Sender,
    Template,
    Automation,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Project, Self::Sender, Self::Template, Self::Automation];

    const fn name(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::Sender => "Sender",
            Self::Template => "Template",
            Self::Automation => "Automation",
        }
    }

    /// The key by which send steps name it.
    const fn referred_to_as(self) -> Option<&'static str> {
        match self {
            Self::Sender => Some("sender"),
            Self::Template => Some("template"),
            Self::Project | Self::Automation => None,
        }
    }

    /// The kind of this name, or what to say instead.
    fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            let meant = chappe_kit::did_you_mean(name, Self::ALL.map(Self::name));
            format!("kind {name} is not known to this version{meant}; known kinds: {known}")
        })
    }
}

/// A kind in a path.
fn kind_of_path(name: &str) -> Result<Kind, Error> {
    Kind::parse(name).map_err(|message| Error::invalid("UNKNOWN_KIND", message))
}

/// Has the owner of a kind apply, or only check, its resources.
async fn apply(
    app: &App,
    project: ProjectId,
    kind: Kind,
    request: &ApplyResourcesRequest,
) -> Result<ApplyResourcesResponse, Error> {
    let peers = &app.peers;
    macro_rules! apply {
        ($owner:ident) => {
            peers
                .$owner
                .clone()
                .apply_resources(call(project, request.clone()))
                .await?
                .into_inner()
        };
    }
    Ok(match kind {
        Kind::Project => apply!(identity),
        Kind::Sender | Kind::Template => apply!(email_sender),
        Kind::Automation => apply!(automation),
    })
}

/// Resources of a kind; all of them when the name is empty.
async fn existing(app: &App, project: ProjectId, kind: Kind, name: &str) -> Result<Vec<Resource>, Error> {
    let peers = &app.peers;
    let request = ListResourcesRequest {
        kind: kind.name().to_owned(),
        name: name.to_owned(),
    };
    macro_rules! list {
        ($owner:ident) => {
            peers
                .$owner
                .clone()
                .list_resources(call(project, request.clone()))
                .await?
                .into_inner()
        };
    }
    let response = match kind {
        Kind::Project => list!(identity),
        Kind::Sender | Kind::Template => list!(email_sender),
        Kind::Automation => list!(automation),
    };
    Ok(response.resources)
}
