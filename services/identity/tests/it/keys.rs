use chappe_testkit::for_each_backend;

for_each_backend!(
    a_rest_key_opens_projects_and_apps,
    a_wrong_key_learns_nothing,
    a_name_is_taken_once,
    settings_are_applied
);

mod suite {
    use chappe_kit::{Error, ErrorKind, grpc::call};
    use chappe_proto::{
        identity::{
            AuthenticateRequest, CreateProjectRequest, CreateRestKeyRequest, GetProjectRequest,
            authenticate_request::Scope,
        },
        to_struct,
        types::{ApplyAction, ApplyResourcesRequest, Resource},
    };
    use chappe_testkit::TestDb;

    use crate::support::start;

    pub(super) async fn a_rest_key_opens_projects_and_apps(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, created) = fixture.project("shop").await;
        let another = fixture
            .identity
            .create_rest_key(CreateRestKeyRequest {})
            .await
            .unwrap()
            .into_inner()
            .rest_key;
        let web = created.app_keys.unwrap().web;
        for rest_key in [created.rest_key, another] {
            for scope in [
                Scope::ProjectKey(created.project_key.clone()),
                Scope::AppKey(web.clone()),
            ] {
                let request = AuthenticateRequest {
                    rest_key: rest_key.clone(),
                    scope: Some(scope),
                };
                let answer = fixture.identity.authenticate(request).await.unwrap().into_inner();
                assert_eq!(answer.project_id, project.to_string());
            }
        }
    }

    pub(super) async fn a_wrong_key_learns_nothing(test: TestDb) {
        let mut fixture = start(test).await;
        let (_, created) = fixture.project("shop").await;
        let mut messages = Vec::new();
        let guesses = [
            ("guess", &created.project_key),
            (created.rest_key.as_str(), &"project_none".to_owned()),
        ];
        for (rest_key, project_key) in guesses {
            let scope = Some(Scope::ProjectKey(project_key.clone()));
            let request = AuthenticateRequest {
                rest_key: rest_key.to_owned(),
                scope,
            };
            let refused = Error::from(fixture.identity.authenticate(request).await.unwrap_err());
            assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
            messages.push(refused.message().to_owned());
        }
        assert_eq!(messages[0], messages[1]);
    }

    pub(super) async fn a_name_is_taken_once(test: TestDb) {
        let mut fixture = start(test).await;
        fixture.project("shop").await;
        let again = fixture
            .identity
            .create_project(CreateProjectRequest {
                name: "shop".to_owned(),
            })
            .await;
        assert_eq!(Error::from(again.unwrap_err()).kind(), ErrorKind::AlreadyExists);
    }

    pub(super) async fn settings_are_applied(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let spec = serde_json::json!({"timezone": "Europe/Paris", "inactivity": {"period": "6mo"}});
        let resource = Resource {
            kind: "Project".to_owned(),
            name: "shop".to_owned(),
            spec: spec.as_object().map(to_struct),
            version: 0,
        };
        let request = |validate_only| ApplyResourcesRequest {
            resources: vec![resource.clone()],
            validate_only,
        };
        for (validate_only, action) in [
            (true, ApplyAction::Configured),
            (false, ApplyAction::Configured),
            (false, ApplyAction::Unchanged),
        ] {
            let answer = fixture
                .identity
                .apply_resources(call(project, request(validate_only)))
                .await
                .unwrap();
            assert_eq!(answer.into_inner().results[0].action(), action);
        }
        let read = fixture
            .identity
            .get_project(call(project, GetProjectRequest {}))
            .await
            .unwrap()
            .into_inner();
        let settings = read.project.unwrap().settings.unwrap();
        assert_eq!(
            (settings.timezone.as_str(), settings.inactivity_period.as_str()),
            ("Europe/Paris", "6mo")
        );
        assert_eq!(settings.event_retention, "90d");
    }
}
