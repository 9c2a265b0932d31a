//! The real service over a throw-away database, and short ways to talk to it.

use std::{collections::HashMap, future::Future, time::Duration};

use chappe_coordination::Coordination;
use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{
    Clock, Error, IdGen, Lifecycle, MasterKey, Runtime, Timestamp,
    grpc::{
        self, CallKey, MAX_MESSAGE_BYTES, Peer,
        layer::{self, Auth},
    },
};
use chappe_proto::{
    privacy::{Subject, data_subject_service_client::DataSubjectServiceClient},
    profile::{self as pb, profile_service_client::ProfileServiceClient},
    types::{self, Identifier, identifier::Kind, value::Kind as ValueKind},
};
use chappe_store::migrate;
use chappe_testkit::{TestDb, rightful};
use chrono::DateTime;
use profile_store::{Config, Deps, Migrator, Service};
use tokio::task::JoinSet;
use tonic::service::RoutesBuilder;
use uuid::Uuid;

pub(crate) const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(0xA));
/// Some rows are large, and slow in a debug build.
const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// 2024-01-15T12:00:00Z, where the clock of every test starts.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_705_320_000_000_000);

/// One running service.
pub(crate) struct Store {
    pub(crate) test: TestDb,
    pub(crate) clock: Clock,
    pub(crate) service: Service,
    peer: Peer,
}

impl Store {
    pub(crate) async fn new(test: TestDb) -> Self {
        migrate::up::<Migrator>(test.db()).await.unwrap();
        let clock = Clock::manual(DateTime::from_timestamp_micros(START.micros()).unwrap());
        let keys = MasterKey::new([7; 32]);
        let deps = Deps {
            runtime: Runtime {
                clock: clock.clone(),
                ids: IdGen::system(),
                lifecycle: Lifecycle::new(),
                keys: keys.clone(),
            },
            db: test.db().clone(),
            coordination: Coordination::in_process(clock.clone()),
        };
        let service = Service::new(Config::default(), deps).unwrap();
        let mut routes = RoutesBuilder::default();
        service.add_to(&mut routes);
        service.add_internal(&mut routes);
        let key = CallKey::new(&keys);
        let stack = layer::stack(routes.routes(), Auth::services(key.clone(), clock.clone()));
        let peer = rightful(stack, &key, &clock);
        Self {
            test,
            clock,
            service,
            peer,
        }
    }

    pub(crate) fn client(&self) -> ProfileServiceClient<Peer> {
        ProfileServiceClient::new(self.peer.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn subjects(&self) -> DataSubjectServiceClient<Peer> {
        DataSubjectServiceClient::new(self.peer.clone())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(chrono::TimeDelta::from_std(by).unwrap());
    }

    /// Sends a call of [`PROJECT`].
    pub(crate) async fn send(&self, request: pb::ApplyEditsRequest) -> Result<pb::ApplyEditsResponse, Error> {
        send(self.client(), request).await
    }

    /// Applies edits that are accepted now, and gives back what became of each.
    pub(crate) async fn apply(&self, edits: Vec<pb::ProfileEdit>) -> Vec<pb::EditResult> {
        self.send(live(self.now(), edits)).await.unwrap().results
    }

    pub(crate) async fn backfill(&self, edits: Vec<pb::ProfileEdit>) -> Vec<pb::EditResult> {
        let request = pb::ApplyEditsRequest {
            backfill: true,
            ..live(self.now(), edits)
        };
        self.send(request).await.unwrap().results
    }

    pub(crate) async fn result(&self, id: ProfileId) -> pb::ProfileResult {
        let request = pb::GetProfilesRequest {
            profile_ids: vec![id.to_string()],
        };
        let response = self.client().get_profiles(grpc::call(PROJECT, request)).await.unwrap();
        response.into_inner().profiles.remove(0)
    }

    pub(crate) async fn profile(&self, id: ProfileId) -> pb::Profile {
        self.result(id).await.profile.expect("the profile is there")
    }

    pub(crate) async fn active_at(&self, id: ProfileId) -> Timestamp {
        self.profile(id).await.last_activity_at.unwrap().into()
    }

    pub(crate) async fn interest(&self, names: &[&str]) {
        let request = pb::SetInterestRequest {
            event_names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        self.client().set_interest(grpc::call(PROJECT, request)).await.unwrap();
    }

    pub(crate) async fn pull(&self, max_rows: i32) -> Vec<pb::FeedRow> {
        let request = pb::PullFeedRequest {
            lanes: (0..64).collect(),
            max_rows,
            wait_ms: 0,
            profile_ids: Vec::new(),
        };
        let request = grpc::peer::with_deadline(tonic::Request::new(request), PATIENCE);
        let response = self.client().pull_feed(request).await.unwrap();
        response.into_inner().rows
    }

    /// The names of all events in the feed, in its order.
    pub(crate) async fn fed(&self) -> Vec<String> {
        let rows = self.pull(1_000).await.into_iter();
        rows.map(|row| row.event.unwrap().name).collect()
    }

    pub(crate) async fn counts(&self) -> (i64, i64) {
        let request = grpc::call(PROJECT, pb::GetCountsRequest {});
        let counts = self.client().get_counts(request).await.unwrap().into_inner();
        (counts.profiles, counts.events)
    }
}

pub(crate) async fn send(
    mut client: ProfileServiceClient<Peer>,
    request: pb::ApplyEditsRequest,
) -> Result<pb::ApplyEditsResponse, Error> {
    let request = grpc::peer::with_deadline(grpc::call(PROJECT, request), PATIENCE);
    Ok(client.apply_edits(request).await?.into_inner())
}

/// Runs `count` at once and gives back what they came to.
pub(crate) async fn at_once<T, F>(count: u128, make: impl Fn(u128) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..count {
        tasks.spawn(make(number));
    }
    tasks.join_all().await
}

pub(crate) fn live(accepted_at: Timestamp, edits: Vec<pb::ProfileEdit>) -> pb::ApplyEditsRequest {
    pb::ApplyEditsRequest {
        edits,
        accepted_at: Some(accepted_at.into()),
        backfill: false,
        idempotency: None,
    }
}

pub(crate) fn person(number: u128) -> ProfileId {
    ProfileId::from_uuid(Uuid::from_u128(0x1000 + number))
}

/// An edit that names nothing but its profile.
pub(crate) fn edit(profile: ProfileId) -> pb::ProfileEdit {
    pb::ProfileEdit {
        profile_id: profile.to_string(),
        custom_id: format!("user-{profile}"),
        ..pb::ProfileEdit::default()
    }
}

/// Builds edits by chaining.
pub(crate) trait EditExt {
    fn set(self, name: &str, value: &str) -> Self;
    fn event(self, id: u128, name: &str, time: Timestamp) -> Self;
}

impl EditExt for pb::ProfileEdit {
    fn set(mut self, name: &str, value: &str) -> Self {
        self.attributes.push(pb::AttributeEdit {
            name: name.to_owned(),
            change: Some(pb::attribute_edit::Change::Set(string(value))),
        });
        self
    }

    fn event(mut self, id: u128, name: &str, time: Timestamp) -> Self {
        self.events.push(event(id, name, time));
        self
    }
}

pub(crate) fn event(id: u128, name: &str, time: Timestamp) -> pb::Event {
    pb::Event {
        event_id: Uuid::from_u128(0xE000 + id).to_string(),
        name: name.to_owned(),
        time: Some(time.into()),
        attributes: HashMap::from([("product".to_owned(), string("tee"))]),
    }
}

/// An event so large that two of its kind do not fit a message.
pub(crate) fn large_visit(number: u128) -> pb::ProfileEdit {
    let mut edit = edit(person(number)).event(number, "visit", START);
    let note = string(&"x".repeat(MAX_MESSAGE_BYTES / 2));
    edit.events[0].attributes.insert("note".to_owned(), note);
    edit
}

pub(crate) fn string(text: &str) -> types::Value {
    types::Value {
        kind: Some(ValueKind::StringValue(text.to_owned())),
    }
}

pub(crate) fn text_of(profile: &pb::Profile, name: &str) -> Option<String> {
    match &profile.attributes.get(name)?.kind {
        Some(ValueKind::StringValue(text)) => Some(text.clone()),
        _ => None,
    }
}

pub(crate) fn subject(custom_id: &str, profiles: &[ProfileId]) -> Subject {
    Subject {
        identifier: Some(Identifier {
            kind: Some(Kind::CustomId(custom_id.to_owned())),
        }),
        profile_ids: profiles.iter().map(ToString::to_string).collect(),
    }
}
