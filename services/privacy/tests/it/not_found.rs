use chappe_testkit::for_each_backend;

for_each_backend!(
    a_custom_id_that_nobody_has_is_not_found_after_all_were_asked,
    app_data_of_a_custom_id_without_profile_is_erased,
    an_installation_of_somebody_with_a_custom_id_finds_nobody,
    an_installation_of_an_app_of_others_finds_nobody,
    an_advertising_id_finds_nobody,
    a_review_of_nobody_has_no_archive,
    a_request_of_another_project_is_not_found,
    wrong_requests_are_refused,
    what_no_store_can_hold_is_refused_by_its_field,
);

mod suite {
    use chappe_ids::ProjectId;
    use chappe_kit::{Error, ErrorKind, grpc::call};
    use chappe_proto::privacy::{
        CreateRequestRequest, GetRequestRequest, ListRequestsRequest, PrivacyRequest, RequestType,
    };
    use chappe_testkit::TestDb;
    use tonic::Code;
    use uuid::Uuid;

    use crate::world::{ADA, Instance, PROJECT, World, custom_id, installation, installation_of};

    async fn finished(privacy: &Instance, created: PrivacyRequest) -> PrivacyRequest {
        privacy.work().await;
        let request = privacy.get(&created.request_id).await.unwrap();
        assert!(request.done);
        request
    }

    pub(super) async fn a_custom_id_that_nobody_has_is_not_found_after_all_were_asked(test: TestDb) {
        let world = World::new(test).await;
        let privacy = world.instance().await;
        let created = privacy.remove("nobody").await;
        let done = finished(&privacy, created).await;
        assert_eq!(done.error, "user not found");
        assert_eq!(world.log.take().len(), 12, "block, erase and verify on four services");
    }

    pub(super) async fn app_data_of_a_custom_id_without_profile_is_erased(test: TestDb) {
        let world = World::new(test).await;
        world.subject("profile-store").hold(1);
        let privacy = world.instance().await;
        let created = privacy.remove("app-user").await;
        assert_eq!(finished(&privacy, created).await.error, "");
        world
            .subject("profile-store")
            .export(&[("app_data.json", r#"[{"app_id":"x"}]"#)]);
        let created = privacy.review("app-user").await;
        let done = finished(&privacy, created).await;
        assert!(done.error.is_empty() && !done.archive_name.is_empty());
    }

    pub(super) async fn an_installation_of_somebody_with_a_custom_id_finds_nobody(test: TestDb) {
        let world = World::new(test).await;
        let device = Uuid::from_u128(0xde);
        world.identity.knows(&device.to_string(), ADA, "ada");
        let privacy = world.instance().await;
        for kind in [RequestType::Remove, RequestType::Review] {
            let created = privacy.create(kind, installation(device)).await;
            let done = finished(&privacy, created).await;
            assert_eq!(
                (done.error.as_str(), done.archive_name.as_str()),
                ("user not found", "")
            );
        }
        assert!(world.log.take().is_empty(), "nothing was touched");
    }

    pub(super) async fn an_installation_of_an_app_of_others_finds_nobody(test: TestDb) {
        let world = World::new(test).await;
        let device = Uuid::from_u128(0xde);
        world.identity.knows(&device.to_string(), ADA, "");
        let privacy = world.instance().await;
        let created = privacy
            .create(RequestType::Remove, installation_of("another app", device))
            .await;
        assert_eq!(finished(&privacy, created).await.error, "user not found");
        assert!(world.log.take().is_empty(), "nothing was touched");
    }

    pub(super) async fn an_advertising_id_finds_nobody(test: TestDb) {
        let world = World::new(test).await;
        let privacy = world.instance().await;
        let request = CreateRequestRequest {
            r#type: RequestType::Remove.into(),
            identifier: None,
            identifier_type: "advertising_id".to_owned(),
            identifier_value: "38400000-8cf0-11bd-b23e-10b96e40000d".to_owned(),
        };
        let created = privacy.client.clone().create_request(call(PROJECT, request)).await;
        let done = finished(&privacy, created.unwrap().into_inner().request.unwrap()).await;
        assert_eq!(
            (done.error.as_str(), done.identifier_type.as_str()),
            ("user not found", "advertising_id")
        );
        assert!(world.log.take().is_empty());
    }

    pub(super) async fn a_review_of_nobody_has_no_archive(test: TestDb) {
        let world = World::new(test).await;
        world.subject("identity").export(&[("identifiers.json", "[]")]);
        let privacy = world.instance().await;
        let created = privacy.review("nobody").await;
        let done = finished(&privacy, created).await;
        assert_eq!(
            (done.error.as_str(), done.archive_name.as_str()),
            ("user not found", "")
        );
    }

    pub(super) async fn a_request_of_another_project_is_not_found(test: TestDb) {
        let world = World::new(test).await;
        let privacy = world.instance().await;
        let created = privacy.remove("ada").await;
        let request = GetRequestRequest {
            request_id: created.request_id,
        };
        let other = ProjectId::from_uuid(Uuid::from_u128(2));
        let answer = privacy.client.clone().get_request(call(other, request)).await;
        assert_eq!(answer.unwrap_err().code(), Code::NotFound);
        assert_eq!(privacy.get("not an id").await.unwrap_err().code(), Code::NotFound);
        let listed = privacy
            .client
            .clone()
            .list_requests(call(other, ListRequestsRequest::default()))
            .await;
        assert!(listed.unwrap().into_inner().requests.is_empty());
    }

    pub(super) async fn wrong_requests_are_refused(test: TestDb) {
        let world = World::new(test).await;
        let privacy = world.instance().await;
        for (kind, identifier) in [
            (RequestType::Unspecified, Some(custom_id("ada"))),
            (RequestType::Remove, None),
            (RequestType::Review, Some(custom_id(""))),
        ] {
            let request = CreateRequestRequest {
                r#type: kind.into(),
                identifier,
                ..CreateRequestRequest::default()
            };
            let refused = privacy.client.clone().create_request(call(PROJECT, request)).await;
            assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
        }
        assert!(privacy.list().await.is_empty());
    }

    pub(super) async fn what_no_store_can_hold_is_refused_by_its_field(test: TestDb) {
        let world = World::new(test).await;
        let privacy = world.instance().await;
        let request = |identifier, kind: &str, value: &str| CreateRequestRequest {
            r#type: RequestType::Remove.into(),
            identifier,
            identifier_type: kind.to_owned(),
            identifier_value: value.to_owned(),
        };
        let device = Uuid::from_u128(0xde);
        for (field, request) in [
            ("identifier", request(Some(custom_id("a\0b")), "", "")),
            ("identifier", request(Some(installation_of("app\0", device)), "", "")),
            ("identifier_type", request(Some(custom_id("ada")), "custom\0id", "")),
            ("identifier_value", request(Some(custom_id("ada")), "", "ada\0")),
            ("identifier_value", request(None, "advertising_id", "\0")),
        ] {
            let refused = privacy.client.clone().create_request(call(PROJECT, request)).await;
            let refused = Error::from(refused.unwrap_err());
            assert_eq!(
                (refused.kind(), refused.reason()),
                (ErrorKind::InvalidArgument, "INVALID_FIELD")
            );
            assert_eq!(refused.violations()[0].field, field);
        }
        assert!(privacy.list().await.is_empty());
    }
}
