use chappe_testkit::for_each_backend;

for_each_backend!(
    a_custom_id_is_one_person_whoever_asks,
    many_new_ids_are_created_at_once,
    looking_up_creates_nothing,
    a_gone_profile_gets_one_successor,
    a_moved_profile_keeps_its_target,
    installations_need_an_app_of_the_project,
    projects_do_not_share_people,
    faults_name_their_item,
    text_that_no_store_can_hold_fails_nobody_else,
    only_services_say_that_a_profile_is_gone,
);

mod suite {
    use std::collections::HashSet;

    use chappe_ids::ProjectId;
    use chappe_kit::grpc::call;
    use chappe_proto::{
        identity::{Resolution, ResolutionState, ResolveItem, ResolveRequest},
        types::{Identifier, Installation, identifier::Kind},
    };
    use chappe_testkit::TestDb;
    use tonic::{Code, Request};
    use uuid::Uuid;

    use crate::support::{Fixture, start};

    fn custom_id(id: &str) -> ResolveItem {
        let identifier = Identifier {
            kind: Some(Kind::CustomId(id.to_owned())),
        };
        ResolveItem {
            identifier: Some(identifier),
            ..ResolveItem::default()
        }
    }

    fn installation(app_key: &str) -> ResolveItem {
        let installation = Installation {
            app_key: app_key.to_owned(),
            installation_id: Uuid::from_u128(1).to_string(),
        };
        ResolveItem {
            identifier: Some(Identifier {
                kind: Some(Kind::Installation(installation)),
            }),
            ..ResolveItem::default()
        }
    }

    async fn resolve(fixture: &Fixture, project: ProjectId, items: Vec<ResolveItem>) -> Vec<Resolution> {
        let request = ResolveRequest {
            items,
            lookup_only: false,
        };
        fixture
            .identity
            .clone()
            .resolve(call(project, request))
            .await
            .unwrap()
            .into_inner()
            .resolutions
    }

    pub(super) async fn a_custom_id_is_one_person_whoever_asks(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let calls = (0..8).map(|_| {
            resolve(
                &fixture,
                project,
                vec![custom_id("ada"), custom_id("ada"), custom_id("Ada")],
            )
        });
        let mut people = HashSet::new();
        for answers in futures_util::future::join_all(calls).await {
            assert!(answers.iter().all(|answer| answer.state() == ResolutionState::Resolved));
            assert_eq!(answers[0].profile_id, answers[1].profile_id);
            people.extend(answers.into_iter().map(|answer| answer.profile_id));
        }
        assert_eq!(people.len(), 2, "ada and Ada");
    }

    pub(super) async fn many_new_ids_are_created_at_once(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let items = || (0..1_000).map(|n| custom_id(&format!("u{n}"))).collect::<Vec<_>>();
        let first = resolve(&fixture, project, items()).await;
        assert!(first.iter().all(|answer| answer.created));
        let second = resolve(&fixture, project, items()).await;
        assert!(second.iter().all(|answer| !answer.created));
        let ids = |answers: &[Resolution]| {
            answers
                .iter()
                .map(|answer| answer.profile_id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&first), ids(&second));
        assert_eq!(ids(&first).into_iter().collect::<HashSet<_>>().len(), 1_000);
    }

    pub(super) async fn looking_up_creates_nothing(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let request = ResolveRequest {
            items: vec![custom_id("nobody")],
            lookup_only: true,
        };
        for _ in 0..2 {
            let answers = fixture
                .identity
                .resolve(call(project, request.clone()))
                .await
                .unwrap()
                .into_inner();
            assert_eq!(answers.resolutions[0].state(), ResolutionState::Unknown);
        }
    }

    pub(super) async fn a_gone_profile_gets_one_successor(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let gone = resolve(&fixture, project, vec![custom_id("ada")]).await[0]
            .profile_id
            .clone();
        let again = || ResolveItem {
            retired_profile_id: gone.clone(),
            ..custom_id("ada")
        };
        let calls = (0..4).map(|_| resolve(&fixture, project, vec![again(), again()]));
        let mut successors = HashSet::new();
        for answers in futures_util::future::join_all(calls).await {
            successors.extend(answers.into_iter().map(|answer| answer.profile_id));
        }
        assert_eq!(successors.len(), 1);
        assert!(!successors.contains(&gone));
    }

    pub(super) async fn a_moved_profile_keeps_its_target(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let moved = resolve(&fixture, project, vec![custom_id("ada")]).await[0]
            .profile_id
            .clone();
        let target = Uuid::from_u128(42).to_string();
        let item = ResolveItem {
            retired_profile_id: moved,
            moved_to_profile_id: target.clone(),
            ..custom_id("ada")
        };
        assert_eq!(resolve(&fixture, project, vec![item]).await[0].profile_id, target);
    }

    pub(super) async fn installations_need_an_app_of_the_project(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, created) = fixture.project("shop").await;
        let (_, other) = fixture.project("other").await;
        let web = created.app_keys.unwrap().web;
        let answers = resolve(
            &fixture,
            project,
            vec![installation(&web), installation(&other.app_keys.unwrap().web)],
        )
        .await;
        assert_eq!(answers[0].state(), ResolutionState::Resolved);
        assert_eq!(answers[0].custom_id, "");
        assert_eq!(answers[1].state(), ResolutionState::UnknownApp);
    }

    pub(super) async fn projects_do_not_share_people(test: TestDb) {
        let mut fixture = start(test).await;
        let (one, _) = fixture.project("one").await;
        let (two, _) = fixture.project("two").await;
        let here = resolve(&fixture, one, vec![custom_id("ada")]).await;
        let there = resolve(&fixture, two, vec![custom_id("ada")]).await;
        assert_ne!(here[0].profile_id, there[0].profile_id);
    }

    pub(super) async fn faults_name_their_item(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let items = vec![custom_id("ada"), ResolveItem::default()];
        let refused = fixture
            .identity
            .resolve(call(
                project,
                ResolveRequest {
                    items,
                    lookup_only: false,
                },
            ))
            .await;
        let error = chappe_kit::Error::from(refused.unwrap_err());
        assert_eq!(error.violations()[0].field, "items[1].identifier");
    }

    pub(super) async fn text_that_no_store_can_hold_fails_nobody_else(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, created) = fixture.project("shop").await;
        let web = created.app_keys.unwrap().web;
        let items = vec![installation(&web), installation("a\0b"), custom_id("ada")];
        let answers = resolve(&fixture, project, items).await;
        let states: Vec<_> = answers.iter().map(Resolution::state).collect();
        let (resolved, unknown) = (ResolutionState::Resolved, ResolutionState::UnknownApp);
        assert_eq!(states, [resolved, unknown, resolved]);

        let request = ResolveRequest {
            items: vec![custom_id("a\0b")],
            lookup_only: false,
        };
        let refused = fixture.identity.resolve(call(project, request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }

    pub(super) async fn only_services_say_that_a_profile_is_gone(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let ada = resolve(&fixture, project, vec![custom_id("ada")]).await.remove(0);
        let mut client = fixture.client(project);
        let mut ask = async |item: ResolveItem| {
            let items = vec![item];
            let mut request = Request::new(ResolveRequest {
                items,
                lookup_only: false,
            });
            let headers = request.metadata_mut();
            headers.insert("authorization", "Bearer key".parse().unwrap());
            headers.insert("x-chappe-project", "shop".parse().unwrap());
            client.resolve(request).await
        };
        let gone = ResolveItem {
            retired_profile_id: ada.profile_id.clone(),
            ..custom_id("ada")
        };
        assert_eq!(ask(gone).await.unwrap_err().code(), Code::PermissionDenied);
        let found = ask(custom_id("ada")).await.unwrap().into_inner().resolutions;
        assert_eq!(found[0].profile_id, ada.profile_id);
    }
}
