use chappe_coordination::Coordination;
use chappe_ids::{ProjectId, RequestId};
use chappe_kit::{
    Runtime,
    grpc::{MAX_MESSAGE_BYTES, Peer},
    keys::Key,
};
use chappe_proto::{
    identity::identity_service_client::IdentityServiceClient,
    privacy::data_subject_service_client::DataSubjectServiceClient,
    profile::profile_service_client::ProfileServiceClient,
};
use chappe_store::Db;
use data_encoding::BASE32_NOPAD;
use uuid::Uuid;

use crate::{Config, Deps};

/// Length of the name of an archive before it is written in base 32: 160 bits.
const ARCHIVE_NAME_BYTES: usize = 20;

/// Everything that a handler or a job needs.
pub(crate) struct App {
    pub(crate) runtime: Runtime,
    pub(crate) db: Db,
    pub(crate) coordination: Coordination,
    pub(crate) identity: IdentityServiceClient<Peer>,
    pub(crate) profile_store: ProfileServiceClient<Peer>,
    /// In the order in which they are asked: identity first, so that no new profile comes up meanwhile.
    pub(crate) participants: Vec<Participant>,
    pub(crate) keys: Keys,
    pub(crate) config: Config,
    /// Names this instance in leases.
    pub(crate) owner: Uuid,
}

/// A service that holds personal data.
pub(crate) struct Participant {
    pub(crate) name: &'static str,
    pub(crate) client: DataSubjectServiceClient<Peer>,
}

/// The keys of this service, each for one use.
pub(crate) struct Keys {
    /// Hashes of who a request is about, which outlive the request.
    pub(crate) subject: Key,
    /// Names of archives.
    pub(crate) archive: Key,
    /// The audit chain: who can only write to the database cannot forge it.
    pub(crate) audit: Key,
}

impl App {
    pub(crate) fn new(config: Config, deps: Deps) -> Self {
        let master = &deps.runtime.keys;
        let keys = Keys {
            subject: master.derive("privacy-subject"),
            archive: master.derive("privacy-archive"),
            audit: master.derive("privacy-audit"),
        };
        let mut participants: Vec<_> = deps
            .participants
            .into_iter()
            .map(|(name, peer)| Participant {
                name,
                client: DataSubjectServiceClient::new(peer).max_decoding_message_size(MAX_MESSAGE_BYTES),
            })
            .collect();
        participants.sort_by_key(|participant| participant.name != "identity");
        Self {
            identity: IdentityServiceClient::new(deps.identity),
            profile_store: ProfileServiceClient::new(deps.profile_store),
            owner: deps.runtime.ids.uuid(),
            runtime: deps.runtime,
            db: deps.db,
            coordination: deps.coordination,
            participants,
            keys,
            config,
        }
    }

    /// The name of a request's archive. Nobody without the key can guess it, and the database holds only its digest.
    pub(crate) fn archive_name(&self, project: ProjectId, request: RequestId) -> String {
        let message = [project.as_uuid().into_bytes(), request.as_uuid().into_bytes()].concat();
        let name = self.keys.archive.mac(&message);
        BASE32_NOPAD.encode(&name[..ARCHIVE_NAME_BYTES]).to_ascii_lowercase()
    }
}
