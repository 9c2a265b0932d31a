//! A service with everything around it.

use std::time::Duration;

use chappe_coordination::Coordination;
use chappe_ids::{MessageId, ProfileId, ProjectId, lane_of};
use chappe_kit::{
    Clock, IdGen, Lifecycle, MasterKey, Runtime,
    grpc::{
        CallKey, Peer, call,
        layer::{Auth, stack},
    },
};
use chappe_proto::{
    email::{
        EnqueueRequest, HitKind, ListMessagesRequest, Message, MessageState, OutgoingMessage, PullOutcomesRequest,
        RecordHitRequest, email_service_client::EmailServiceClient,
    },
    privacy::data_subject_service_client::DataSubjectServiceClient,
    types::{ApplyResourcesRequest, Resource},
};
use chappe_smtp::{
    SmtpUrl,
    scripted::{Script, Server},
};
use chappe_store::Db;
use chappe_testkit::{TestDb, rightful};
use chrono::DateTime;
use email_sender::{Config, Deps, Migrator, Service};
use serde_json::json;
use tonic::{Status, service::RoutesBuilder};
use uuid::Uuid;

use crate::profiles::Profiles;

pub(crate) const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(0xA11CE));
pub(crate) const MARKETING: &str = "news";
pub(crate) const TRANSACTIONAL: &str = "shop";
pub(crate) const PUBLIC_URL: &str = "https://t.example";

/// A person of a test, by number.
pub(crate) fn person(number: u128) -> ProfileId {
    ProfileId::from_uuid(Uuid::from_u128(number << 8 | 1))
}

/// A message of a test, by number.
pub(crate) fn message_id(number: u128) -> MessageId {
    MessageId::from_uuid(Uuid::from_u128(number << 16 | 2))
}

/// One instance of the service.
pub(crate) struct Instance {
    pub(crate) service: Service,
    pub(crate) client: EmailServiceClient<Peer>,
    pub(crate) subjects: DataSubjectServiceClient<Peer>,
    pub(crate) lifecycle: Lifecycle,
}

/// The service, its peer and a relay. Time stands still until a test moves it.
pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) clock: Clock,
    pub(crate) profiles: Profiles,
    pub(crate) smtp: Server,
    pub(crate) instance: Instance,
}

impl World {
    /// With a sender of each class and a template.
    pub(crate) async fn new(db: TestDb, script: Script) -> Self {
        chappe_store::migrate::up::<Migrator>(db.db()).await.unwrap();
        let clock = Clock::manual(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let profiles = Profiles::default();
        let smtp = Server::start(script).await;
        let instance = Instance::start(db.db().clone(), &clock, &profiles, smtp.url()).await;
        let mut world = Self {
            db,
            clock,
            profiles,
            smtp,
            instance,
        };
        let html = "<body>Hi {{ firstname }}, <a href=\"https://shop.example/?a=1&amp;b=2\">shop</a></body>";
        world
            .apply(vec![
                resource(
                    "Sender",
                    MARKETING,
                    &json!({"address": "news@shop.example", "name": "News", "class": "marketing"}),
                ),
                resource(
                    "Sender",
                    TRANSACTIONAL,
                    &json!({"address": "shop@shop.example", "name": "Shop", "class": "transactional"}),
                ),
                resource(
                    "Template",
                    "hello",
                    &json!({"subject": "Hello {{ firstname }}", "html": html}),
                ),
            ])
            .await;
        world
    }

    pub(crate) async fn apply(&mut self, resources: Vec<Resource>) {
        let request = ApplyResourcesRequest {
            resources,
            validate_only: false,
        };
        let response = self
            .instance
            .client
            .apply_resources(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner();
        for result in response.results {
            assert_eq!(result.faults, []);
        }
    }

    /// A second process over the same database.
    pub(crate) async fn second_instance(&self) -> Instance {
        let db = self.db.reopen().await;
        Instance::start(db, &self.clock, &self.profiles, self.smtp.url()).await
    }

    /// Another process after this one, which owns its store.
    pub(crate) async fn restarted(&self, smtp: SmtpUrl) -> Instance {
        let config = Config {
            exclusive_store: true,
            ..config(smtp)
        };
        Instance::with(config, self.db.reopen().await, &self.clock, &self.profiles).await
    }

    /// A subscriber and a message to them.
    pub(crate) async fn enqueue(&mut self, number: u128, sender: &str) {
        self.profiles
            .subscribe(person(number), &format!("p{number}@example.com"));
        self.enqueue_all(vec![message(number, sender)]).await.unwrap();
    }

    pub(crate) async fn enqueue_all(&mut self, messages: Vec<OutgoingMessage>) -> Result<i32, Status> {
        let response = self
            .instance
            .client
            .enqueue(call(PROJECT, EnqueueRequest { messages }))
            .await?;
        Ok(response.into_inner().enqueued)
    }

    /// Delivers until nothing is due.
    pub(crate) async fn deliver(&self) {
        while self.instance.service.deliver_once().await.unwrap() > 0 {}
    }

    /// Hands everything over to profile-store.
    pub(crate) async fn relay(&self) {
        while self.instance.service.relay_once().await.unwrap() > 0 {}
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(chrono::TimeDelta::from_std(by).unwrap());
    }

    pub(crate) async fn message(&mut self, number: u128) -> Message {
        let request = ListMessagesRequest {
            profile_id: person(number).to_string(),
            ..ListMessagesRequest::default()
        };
        let response = self
            .instance
            .client
            .list_messages(call(PROJECT, request))
            .await
            .unwrap();
        response
            .into_inner()
            .messages
            .into_iter()
            .next()
            .expect("the message is listed")
    }

    pub(crate) async fn state(&mut self, number: u128) -> MessageState {
        self.message(number).await.state()
    }

    /// Messages and states of the outcomes that wait.
    pub(crate) async fn outcomes(&mut self) -> Vec<(String, MessageState, String)> {
        let request = PullOutcomesRequest {
            lanes: (0..64).collect(),
            max_rows: 1_000,
            wait_ms: 0,
        };
        let response = self
            .instance
            .client
            .pull_outcomes(tonic::Request::new(request))
            .await
            .unwrap();
        let outcome = |it: chappe_proto::email::Outcome| (it.message_id.clone(), it.state(), it.reason);
        response.into_inner().outcomes.into_iter().map(outcome).collect()
    }

    /// The raw messages that the relay took, in the order of arrival.
    pub(crate) fn mails(&self) -> Vec<String> {
        let received = self.smtp.received();
        received
            .into_iter()
            .map(|it| String::from_utf8(it.data).unwrap())
            .collect()
    }

    pub(crate) async fn hit(&mut self, kind: HitKind, token: &str) -> Result<String, Status> {
        let request = RecordHitRequest {
            kind: kind.into(),
            token: token.to_owned(),
            lookup_only: false,
            user_agent: "Mozilla/5.0 (Macintosh)".to_owned(),
        };
        let response = self.instance.client.record_hit(tonic::Request::new(request)).await?;
        Ok(response.into_inner().target_url)
    }
}

fn config(smtp_url: SmtpUrl) -> Config {
    Config {
        smtp_url,
        public_url: PUBLIC_URL.to_owned(),
        max_connections: 4,
        ..Config::default()
    }
}

impl Instance {
    async fn start(db: Db, clock: &Clock, profiles: &Profiles, smtp: SmtpUrl) -> Self {
        Self::with(config(smtp), db, clock, profiles).await
    }

    async fn with(config: Config, db: Db, clock: &Clock, profiles: &Profiles) -> Self {
        let keys = MasterKey::new([9; 32]);
        let key = CallKey::new(&keys);
        let connect = |fill: &dyn Fn(&mut RoutesBuilder)| {
            let mut routes = RoutesBuilder::default();
            fill(&mut routes);
            let auth = Auth::services(key.clone(), clock.clone());
            rightful(stack(routes.routes(), auth), &key, clock)
        };
        let lifecycle = Lifecycle::new();
        let deps = Deps {
            runtime: Runtime {
                clock: clock.clone(),
                ids: IdGen::system(),
                lifecycle: lifecycle.clone(),
                keys: keys.clone(),
            },
            db,
            coordination: Coordination::in_process(clock.clone()),
            profile_store: connect(&|routes| profiles.add_to(routes)),
        };
        let service = Service::new(config, deps).await.unwrap();
        let peer = connect(&|routes| {
            service.add_to(routes);
            service.add_internal(routes);
        });
        Self {
            client: EmailServiceClient::new(peer.clone()),
            subjects: DataSubjectServiceClient::new(peer),
            lifecycle,
            service,
        }
    }
}

pub(crate) fn resource(kind: &str, name: &str, spec: &serde_json::Value) -> Resource {
    Resource {
        kind: kind.to_owned(),
        name: name.to_owned(),
        spec: Some(chappe_proto::to_struct(spec.as_object().unwrap())),
        version: 0,
    }
}

/// A message to the person of that number.
pub(crate) fn message(number: u128, sender: &str) -> OutgoingMessage {
    OutgoingMessage {
        message_id: message_id(number).to_string(),
        profile_id: person(number).to_string(),
        template: "hello".to_owned(),
        sender: sender.to_owned(),
        orchestration_id: "thank-you".to_owned(),
        step: "thanks".to_owned(),
        lane: lane_of(person(number)).into(),
        ..OutgoingMessage::default()
    }
}

/// The value of a header, unfolded.
pub(crate) fn header(mail: &str, name: &str) -> Option<String> {
    let head = mail
        .split("\r\n\r\n")
        .next()
        .unwrap()
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    let prefix = format!("{name}: ");
    head.split("\r\n")
        .find_map(|line| line.strip_prefix(&prefix))
        .map(ToOwned::to_owned)
}

/// The token of the first link of that sort (`c`, `o` or `u`) in a mail.
pub(crate) fn token(mail: &str, sort: &str) -> String {
    let parsed = mail_parser::MessageParser::new().parse(mail.as_bytes()).unwrap();
    let html = parsed.body_html(0).unwrap().into_owned();
    let start = format!("{PUBLIC_URL}/{sort}/");
    let (_, rest) = html
        .split_once(&start)
        .unwrap_or_else(|| panic!("no {sort} link in {html}"));
    rest.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect()
}
