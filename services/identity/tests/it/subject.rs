use chappe_testkit::for_each_backend;

for_each_backend!(
    an_erased_person_is_blocked_for_a_month_and_then_new,
    unlinked_profiles_do_not_come_back,
    an_installation_that_goes_on_is_somebody_new,
    what_is_kept_for_a_time_is_forgotten_after_it,
);

mod suite {
    use std::time::Duration;

    use chappe_ids::ProjectId;
    use chappe_kit::grpc::call;
    use chappe_proto::{
        identity::{Resolution, ResolutionState, ResolveItem, ResolveRequest, UnlinkProfilesRequest},
        privacy::{BlockSubjectRequest, EraseSubjectRequest, ExportSubjectRequest, Subject, VerifyErasedRequest},
        types::{Identifier, Installation, identifier::Kind},
    };
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;
    use uuid::Uuid;

    use crate::support::{Fixture, start};

    fn ada() -> Identifier {
        Identifier {
            kind: Some(Kind::CustomId("ada".to_owned())),
        }
    }

    async fn resolve(fixture: &mut Fixture, project: ProjectId, lookup_only: bool) -> Resolution {
        let items = vec![ResolveItem {
            identifier: Some(ada()),
            ..ResolveItem::default()
        }];
        let request = call(project, ResolveRequest { items, lookup_only });
        fixture
            .identity
            .resolve(request)
            .await
            .unwrap()
            .into_inner()
            .resolutions
            .remove(0)
    }

    pub(super) async fn an_erased_person_is_blocked_for_a_month_and_then_new(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let (other, _) = fixture.project("other").await;
        let first = resolve(&mut fixture, project, false).await.profile_id;
        let bystander = resolve(&mut fixture, other, false).await.profile_id;
        let subject = Some(Subject {
            identifier: Some(ada()),
            profile_ids: vec![first.clone()],
        });

        let export = call(
            project,
            ExportSubjectRequest {
                subject: subject.clone(),
            },
        );
        let mut export = fixture.subjects.export_subject(export).await.unwrap().into_inner();
        let document = export.message().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&document.content).contains("\"ada\""));

        let block = call(
            project,
            BlockSubjectRequest {
                subject: subject.clone(),
            },
        );
        fixture.subjects.block_subject(block).await.unwrap();
        // A worker that starts over must still find whom it is about.
        assert_eq!(resolve(&mut fixture, project, true).await.profile_id, first);
        for expected in [1, 0] {
            let erase = call(
                project,
                EraseSubjectRequest {
                    subject: subject.clone(),
                },
            );
            let erased = fixture.subjects.erase_subject(erase).await.unwrap().into_inner();
            assert_eq!(erased.deleted["identifiers"], expected);
        }
        let verify = call(project, VerifyErasedRequest { subject });
        assert!(
            fixture
                .subjects
                .verify_erased(verify)
                .await
                .unwrap()
                .into_inner()
                .remaining
                .is_empty()
        );

        let blocked = resolve(&mut fixture, project, false).await;
        assert_eq!(
            (blocked.state(), blocked.profile_id.as_str()),
            (ResolutionState::Blocked, "")
        );
        assert_eq!(resolve(&mut fixture, other, false).await.profile_id, bystander);
        fixture.advance(Duration::from_hours(24 * 30));
        let back = resolve(&mut fixture, project, false).await;
        assert_eq!(back.state(), ResolutionState::Resolved);
        assert_ne!(back.profile_id, first);
    }

    pub(super) async fn unlinked_profiles_do_not_come_back(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let first = resolve(&mut fixture, project, false).await.profile_id;
        let unlink = || {
            call(
                project,
                UnlinkProfilesRequest {
                    profile_ids: vec![first.clone()],
                },
            )
        };
        assert_eq!(
            fixture
                .identity
                .unlink_profiles(unlink())
                .await
                .unwrap()
                .into_inner()
                .unlinked,
            1
        );
        assert_eq!(
            fixture
                .identity
                .unlink_profiles(unlink())
                .await
                .unwrap()
                .into_inner()
                .unlinked,
            0
        );
        assert_ne!(resolve(&mut fixture, project, false).await.profile_id, first);
    }

    pub(super) async fn an_installation_that_goes_on_is_somebody_new(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, created) = fixture.project("shop").await;
        let installation = Identifier {
            kind: Some(Kind::Installation(Installation {
                app_key: created.app_keys.unwrap().web,
                installation_id: Uuid::from_u128(1).to_string(),
            })),
        };
        let items = vec![ResolveItem {
            identifier: Some(installation.clone()),
            ..ResolveItem::default()
        }];
        let resolve = || {
            let (items, mut identity) = (items.clone(), fixture.identity.clone());
            let request = ResolveRequest {
                items,
                lookup_only: false,
            };
            async move {
                let answer = identity.resolve(call(project, request)).await.unwrap();
                answer.into_inner().resolutions.remove(0).profile_id
            }
        };
        let erased = resolve().await;
        let subject = Some(Subject {
            identifier: Some(installation),
            profile_ids: vec![erased.clone()],
        });
        let mut subjects = fixture.subjects.clone();
        let erase = EraseSubjectRequest {
            subject: subject.clone(),
        };
        subjects.erase_subject(call(project, erase)).await.unwrap();
        assert_ne!(resolve().await, erased);
        let verify = call(project, VerifyErasedRequest { subject });
        let remaining = subjects.verify_erased(verify).await.unwrap().into_inner().remaining;
        assert_eq!(remaining.len(), 0, "{remaining:?}");
    }

    async fn kept(fixture: &Fixture) -> (i64, i64) {
        let row = Sql::new(
            "select (select count(*) from blocked_subjects) as blocked,
                    (select count(*) from retired_profiles) as retired",
        );
        let row = row.one(fixture.db.db().read()).await.unwrap().unwrap();
        (row.get("blocked").unwrap(), row.get("retired").unwrap())
    }

    pub(super) async fn what_is_kept_for_a_time_is_forgotten_after_it(test: TestDb) {
        let mut fixture = start(test).await;
        let (project, _) = fixture.project("shop").await;
        let subject = Some(Subject {
            identifier: Some(ada()),
            profile_ids: vec![resolve(&mut fixture, project, false).await.profile_id],
        });
        let block = BlockSubjectRequest {
            subject: subject.clone(),
        };
        fixture.subjects.block_subject(call(project, block)).await.unwrap();
        let erase = EraseSubjectRequest { subject };
        fixture.subjects.erase_subject(call(project, erase)).await.unwrap();
        for (days, expected) in [(29, (1, 1)), (1, (0, 1)), (366, (0, 1)), (1, (0, 0))] {
            fixture.advance(Duration::from_hours(24 * days));
            fixture.service.purge().await.unwrap();
            assert_eq!(kept(&fixture).await, expected);
        }
    }
}
