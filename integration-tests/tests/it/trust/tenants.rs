use chappe_testkit::for_each_backend;

for_each_backend!(another_project_neither_sees_nor_changes_anything);

mod suite {
    use std::collections::BTreeSet;

    use chappe_ids::ProjectId;
    use chappe_proto::{
        edges::{CLIENT, EDGES},
        identity::ResolveResponse,
        privacy::CreateRequestResponse,
    };
    use chappe_testkit::TestDb;
    use prost::Message;
    use tonic::Code;
    use uuid::Uuid;

    use crate::trust::{
        requests::{self, Call, Names},
        rows,
        world::{Answer, World},
    };

    /// Methods that are for no project: services make them for all of them, and what they name says which.
    const FOR_NO_PROJECT: [&str; 10] = [
        "chappe.email.v1.EmailService/AckOutcomes",
        "chappe.email.v1.EmailService/PullOutcomes",
        "chappe.email.v1.EmailService/RecordHit",
        "chappe.identity.v1.IdentityService/Authenticate",
        "chappe.identity.v1.IdentityService/CreateProject",
        "chappe.identity.v1.IdentityService/CreateRestKey",
        "chappe.identity.v1.IdentityService/ListProjects",
        "chappe.privacy.v1.PrivacyService/GetArchive",
        "chappe.profile.v1.ProfileService/AckFeed",
        "chappe.profile.v1.ProfileService/PullFeed",
    ];

    pub(super) async fn another_project_neither_sees_nor_changes_anything(db: TestDb) {
        let world = World::new(&db).await;
        let (ours, keys) = world.project("alpha").await;
        let (theirs, _) = world.project("beta").await;
        let names = furnish(&world, ours).await;
        let calls = requests::all(&names);
        assert_complete(&calls);
        let secrets = [
            requests::CUSTOM_ID,
            requests::CITY,
            requests::ADDRESS,
            requests::SENDER_ADDRESS,
            requests::SUBJECT,
            requests::EVENT,
            requests::APP_VALUE,
            requests::WRITTEN,
            &keys.project_key,
            &names.profile,
            &names.request,
            &names.message,
        ];

        let before = rows::of(&world.databases, ours).await;
        let theirs = walk(&world, theirs, &calls).await;
        assert_eq!(rows::of(&world.databases, ours).await, before);
        for (answer, (to, method, request)) in theirs.iter().zip(&calls) {
            // A mail needs a template and a sender, which are another project's here.
            let is_expected = match answer.code {
                Code::Ok | Code::NotFound => true,
                code => code == Code::InvalidArgument && method.ends_with("/Enqueue"),
            };
            assert!(is_expected, "{to} {method}: {:?} {}", answer.code, answer.message);
            for secret in secrets {
                assert!(
                    holds(request, secret) || !holds(&answer.body, secret),
                    "{to} {method} shows {secret}"
                );
            }
        }

        // The same calls by the project itself do show and change everything.
        let own = walk(&world, ours, &calls).await;
        for (answer, (to, method, _)) in own.iter().zip(&calls) {
            assert_eq!(answer.code, Code::Ok, "{to} {method}: {}", answer.message);
        }
        for secret in secrets {
            let mut answers = own.iter().zip(&calls);
            let shown = answers.any(|(answer, (.., request))| holds(&answer.body, secret) && !holds(request, secret));
            assert!(shown, "no answer shows {secret}");
        }
        let after = rows::of(&world.databases, ours).await;
        let remembers = |rows: &[String]| rows.iter().any(|row| row.contains(requests::CITY));
        assert!(remembers(&before) && !remembers(&after));
    }

    /// Something of everything.
    async fn furnish(world: &World, project: ProjectId) -> Names {
        let mut names = Names {
            profile: String::new(),
            request: String::new(),
            run: Uuid::from_u128(0xA1).to_string(),
            message: Uuid::from_u128(0xA2).to_string(),
            now: world.clock.now(),
        };
        let mut calls = requests::setup();
        calls.push(requests::update(requests::CITY));
        calls.push(requests::app_data(requests::APP_VALUE));
        for answer in walk(world, project, &calls).await {
            assert_eq!(answer.code, Code::Ok, "{}", answer.message);
        }
        let resolved: ResolveResponse = ask(world, project, &requests::looked_up()).await;
        names.profile.clone_from(&resolved.resolutions[0].profile_id);
        let created: CreateRequestResponse = ask(world, project, &requests::create_request()).await;
        names.request = created.request.unwrap().request_id;
        for answer in walk(
            world,
            project,
            &[requests::enqueue(&names), requests::start_run(&names)],
        )
        .await
        {
            assert_eq!(answer.code, Code::Ok, "{}", answer.message);
        }
        names
    }

    async fn ask<R: Message + Default>(world: &World, project: ProjectId, call: &Call) -> R {
        let answers = walk(world, project, std::slice::from_ref(call)).await;
        assert_eq!(answers[0].code, Code::Ok, "{}", answers[0].message);
        // A frame is a flag, a length of four bytes, and the message.
        R::decode(&answers[0].body[5..]).unwrap()
    }

    /// Makes the calls for a project, each as a service that may.
    async fn walk(world: &World, project: ProjectId, calls: &[Call]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (to, method, request) in calls {
            let mut edges = EDGES.iter().filter(|edge| (edge.to, edge.method) == (to, method));
            let caller = edges.find(|edge| edge.from != CLIENT).unwrap().from;
            answers.push(
                world
                    .send(to, method, world.token(caller, Some(project)), request)
                    .await,
            );
        }
        answers
    }

    fn assert_complete(calls: &[Call]) {
        let walked: BTreeSet<(&str, &str)> = calls.iter().map(|(to, method, _)| (*to, &**method)).collect();
        let targets = EDGES.iter().map(|edge| (edge.to, edge.method));
        let targets: BTreeSet<_> = targets.filter(|(_, method)| !FOR_NO_PROJECT.contains(method)).collect();
        assert_eq!(walked, targets);
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }
}
