//! The generated clients of the peers.

use chappe_kit::grpc::{MAX_MESSAGE_BYTES, Peer};
use chappe_proto::{
    automation::automation_service_client::AutomationServiceClient, email::email_service_client::EmailServiceClient,
    identity::identity_service_client::IdentityServiceClient,
    ingestion::ingestion_service_client::IngestionServiceClient, privacy::privacy_service_client::PrivacyServiceClient,
    profile::profile_service_client::ProfileServiceClient,
};

use crate::Deps;

/// One client of each peer; a clone per call is cheap.
pub(crate) struct Peers {
    pub(crate) identity: IdentityServiceClient<Peer>,
    pub(crate) ingestion: IngestionServiceClient<Peer>,
    pub(crate) profile_store: ProfileServiceClient<Peer>,
    pub(crate) automation: AutomationServiceClient<Peer>,
    pub(crate) email_sender: EmailServiceClient<Peer>,
    pub(crate) privacy: PrivacyServiceClient<Peer>,
}

impl Peers {
    pub(crate) fn new(deps: &Deps) -> Self {
        macro_rules! client {
            ($client:ident, $peer:expr) => {
                $client::new($peer.clone())
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES)
            };
        }
        Self {
            identity: client!(IdentityServiceClient, deps.identity),
            ingestion: client!(IngestionServiceClient, deps.ingestion),
            profile_store: client!(ProfileServiceClient, deps.profile_store),
            automation: client!(AutomationServiceClient, deps.automation),
            email_sender: client!(EmailServiceClient, deps.email_sender),
            privacy: client!(PrivacyServiceClient, deps.privacy),
        }
    }
}
