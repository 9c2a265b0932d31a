use chappe_testkit::for_each_backend;

for_each_backend!(
    a_review_gives_a_zip_of_what_every_service_holds,
    a_large_archive_comes_in_pieces,
    only_the_name_opens_an_archive,
    an_archive_expires_after_thirty_days,
    a_review_waits_for_a_service_that_is_away,
);

mod suite {
    use std::{
        collections::HashSet,
        io::{Cursor, Read as _},
        time::Duration,
    };

    use chappe_proto::privacy::{CreateRequestRequest, GetArchiveRequest, RequestType};
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;
    use tonic::Code;
    use zip::ZipArchive;

    use crate::world::{ADA, Instance, World, custom_id};

    const DAY: Duration = Duration::from_hours(24);

    async fn world(test: TestDb) -> World {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        world
    }

    /// Reviews Ada, and gives the id of the request and the name of the archive.
    async fn reviewed(privacy: &Instance) -> (String, String) {
        let created = privacy.review("ada").await;
        privacy.work().await;
        let done = privacy.get(&created.request_id).await.unwrap();
        assert!(done.done && done.error.is_empty());
        (done.request_id, done.archive_name)
    }

    fn file(archive: &[u8], name: &str) -> String {
        let mut zip = ZipArchive::new(Cursor::new(archive)).unwrap();
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    pub(super) async fn a_review_gives_a_zip_of_what_every_service_holds(test: TestDb) {
        let world = world(test).await;
        world
            .subject("identity")
            .export(&[("identifiers.json", r#"[{"kind":"custom_id"}]"#)]);
        world.subject("profile-store").export(&[
            ("profile.json", r#"{"city":"Sèvres"}"#),
            ("events.ndjson", "{\"n\":1}\n"),
            ("events.ndjson", "{\"n\":2}\n"),
        ]);
        let privacy = world.instance().await;
        let (id, name) = reviewed(&privacy).await;
        let archive = privacy.archive(&name).await.unwrap();
        let names: HashSet<_> = ZipArchive::new(Cursor::new(&archive))
            .unwrap()
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        let expected = [
            "summary.json",
            "identity/identifiers.json",
            "profile-store/profile.json",
            "profile-store/events.ndjson",
        ];
        assert_eq!(names, expected.map(str::to_owned).into());
        assert_eq!(file(&archive, "profile-store/profile.json"), r#"{"city":"Sèvres"}"#);
        assert_eq!(file(&archive, "profile-store/events.ndjson"), "{\"n\":1}\n{\"n\":2}\n");
        let summary: serde_json::Value = serde_json::from_str(&file(&archive, "summary.json")).unwrap();
        assert_eq!(summary["request_id"], id);
        assert_eq!(
            summary["identifier"],
            serde_json::json!({"type": "custom_id", "value": "ada"})
        );
        assert_eq!(summary["documents"].as_array().unwrap().len(), 3);
        assert_eq!(world.log.take().len(), 4, "every service was asked once");
    }

    pub(super) async fn a_large_archive_comes_in_pieces(test: TestDb) {
        let world = world(test).await;
        // Digests do not compress.
        let mut noise = [0_u8; 32];
        let mut content = String::new();
        while content.len() < 1_500_000 {
            noise = chappe_kit::keys::digest(&noise);
            content.push_str(&data_encoding::BASE64.encode(&noise));
        }
        let content: &'static str = content.leak();
        world.subject("profile-store").export(&[("events.ndjson", content)]);
        let privacy = world.instance().await;
        let (_, archive_name) = reviewed(&privacy).await;
        let request = GetArchiveRequest { archive_name };
        let mut stream = privacy.client.clone().get_archive(request).await.unwrap().into_inner();
        let (mut count, mut archive) = (0, Vec::new());
        while let Some(piece) = stream.message().await.unwrap() {
            count += 1;
            archive.extend_from_slice(&piece.chunk);
        }
        assert!(count > 3, "{count}");
        assert_eq!(file(&archive, "profile-store/events.ndjson"), content);
    }

    pub(super) async fn only_the_name_opens_an_archive(test: TestDb) {
        let world = world(test).await;
        let privacy = world.instance().await;
        let ((_, one), (_, two)) = (reviewed(&privacy).await, reviewed(&privacy).await);
        assert_ne!(one, two);
        assert_eq!(one.len(), 32, "160 bits in base 32");
        let mut near = one.clone();
        let last = if near.pop() == Some('a') { 'b' } else { 'a' };
        near.push(last);
        for wrong in [near.as_str(), "", &one.to_ascii_uppercase()] {
            assert_eq!(
                privacy.archive(wrong).await.unwrap_err().code(),
                Code::NotFound,
                "{wrong}"
            );
        }
        let row = Sql::new("select count(*) as n from archives where name_hash = {name}")
            .bind("name", one.as_bytes().to_vec());
        let row = row.one(world.db().read()).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("n").unwrap(), 0, "the store keeps a digest only");

        // A client may ask for a review, but its archive is served by the gateway.
        let client = |name: &str| {
            let mut request = tonic::Request::new(GetArchiveRequest {
                archive_name: name.to_owned(),
            });
            request
                .metadata_mut()
                .insert("authorization", "Bearer key".parse().unwrap());
            request
                .metadata_mut()
                .insert("x-chappe-project", "project".parse().unwrap());
            request
        };
        let refused = privacy.as_client.clone().get_archive(client(&one)).await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
        let mut request = tonic::Request::new(CreateRequestRequest {
            r#type: RequestType::Review.into(),
            identifier: Some(custom_id("ada")),
            ..CreateRequestRequest::default()
        });
        *request.metadata_mut() = client(&one).metadata().clone();
        privacy.as_client.clone().create_request(request).await.unwrap();
    }

    pub(super) async fn an_archive_expires_after_thirty_days(test: TestDb) {
        let world = world(test).await;
        let privacy = world.instance().await;
        let (id, name) = reviewed(&privacy).await;
        world.advance(29 * DAY);
        privacy.service.sweep().await.unwrap();
        privacy.archive(&name).await.unwrap();
        world.advance(DAY);
        assert_eq!(privacy.archive(&name).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(privacy.get(&id).await.unwrap().archive_name, "");

        world.advance(DAY);
        privacy.service.sweep().await.unwrap();
        let row = Sql::new(
            "select (select count(*) from archives) + (select count(*) from archive_chunks)
                  + (select count(*) from request_subjects) as n",
        );
        assert_eq!(
            row.one(world.db().read())
                .await
                .unwrap()
                .unwrap()
                .get::<i64>("n")
                .unwrap(),
            0
        );
        assert_eq!(privacy.get(&id).await.unwrap().identifier_value, "");
    }

    pub(super) async fn a_review_waits_for_a_service_that_is_away(test: TestDb) {
        let world = world(test).await;
        world.subject("automation").set_away(true);
        let privacy = world.instance().await;
        let created = privacy.review("ada").await;
        privacy.work().await;
        assert!(!privacy.get(&created.request_id).await.unwrap().done);
        world.subject("automation").set_away(false);
        world.advance(Duration::from_secs(1));
        privacy.work().await;
        let done = privacy.get(&created.request_id).await.unwrap();
        assert!(done.done && !done.archive_name.is_empty());
    }
}
