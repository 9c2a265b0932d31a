use chappe_testkit::for_each_backend;

for_each_backend!(every_caller_reaches_what_the_edge_list_says_and_nothing_else);

mod suite {
    use std::{collections::BTreeSet, time::Duration};

    use chappe_ids::ProjectId;
    use chappe_kit::{MasterKey, grpc::CallKey};
    use chappe_proto::{
        FILE_DESCRIPTOR_SET,
        edges::{CLIENT, EDGES, Edge, admits_clients},
        identity::{AuthenticateRequest, authenticate_request::Scope},
    };
    use chappe_testkit::TestDb;
    use prost::Message;
    use prost_types::FileDescriptorSet;
    use tonic::Code;

    use crate::trust::world::{Answer, Credential, World};

    /// Longer than any token is good.
    const LONG: Duration = Duration::from_mins(10);

    /// Reasons of the layer; what a handler refuses is none of its business.
    const REFUSALS: [&str; 6] = [
        "CALLER_NOT_ALLOWED",
        "CLOCKS_DIFFER",
        "INTERNAL_METHOD",
        "KEYS_DIFFER",
        "KEY_INVALID",
        "UNAUTHENTICATED",
    ];

    /// One attempt: what it presents, and the refusal to expect.
    struct Attempt {
        who: String,
        credential: Credential,
        refusal: Option<&'static str>,
    }

    pub(super) async fn every_caller_reaches_what_the_edge_list_says_and_nothing_else(db: TestDb) {
        let world = World::new(&db).await;
        let (project, keys) = world.project("alpha").await;
        let key = |rest_key: &str| {
            let bearer = ("authorization", format!("Bearer {rest_key}"));
            vec![bearer, ("x-chappe-project", keys.project_key.clone())]
        };
        let targets: BTreeSet<(&str, &str)> = EDGES.iter().map(|edge| (edge.to, edge.method)).collect();
        let callers: BTreeSet<&str> = EDGES
            .iter()
            .map(|edge| edge.from)
            .filter(|from| *from != CLIENT)
            .collect();
        assert_eq!(
            targets
                .iter()
                .map(|(_, method)| (*method).to_owned())
                .collect::<BTreeSet<_>>(),
            contracts()
        );

        let mut violations = Vec::new();
        for (to, method) in targets {
            let mut attempts = Vec::new();
            for caller in callers.iter().copied().chain(["stranger", ""]) {
                let edge = Edge {
                    from: caller,
                    to,
                    method,
                };
                attempts.push(Attempt {
                    who: format!("service {caller:?}"),
                    credential: world.token(caller, Some(project)),
                    refusal: (!EDGES.contains(&edge)).then_some("CALLER_NOT_ALLOWED"),
                });
            }
            let edge = Edge {
                from: CLIENT,
                to,
                method,
            };
            attempts.push(Attempt {
                who: CLIENT.to_owned(),
                credential: key(&keys.rest_key),
                refusal: (!EDGES.contains(&edge)).then_some(if admits_clients(to) {
                    "INTERNAL_METHOD"
                } else {
                    "UNAUTHENTICATED"
                }),
            });
            attempts.push(Attempt {
                who: "a client with a wrong key".to_owned(),
                credential: key("wrong"),
                refusal: Some(if admits_clients(to) {
                    "KEY_INVALID"
                } else {
                    "UNAUTHENTICATED"
                }),
            });
            attempts.extend(forgeries(&world, rightful(to, method), project));
            let request = request(method, &keys.rest_key, &keys.project_key);
            for attempt in attempts {
                let answer = world.send(to, method, attempt.credential, &request).await;
                if refusal(&answer) != attempt.refusal || !code_fits(&answer, attempt.refusal) {
                    let (reason, code) = (answer.reason, answer.code);
                    violations.push(format!("{} → {to} {method}: {code:?} {reason}", attempt.who));
                }
            }
        }
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// What nobody is let in with, each a rightful caller's but for one thing.
    fn forgeries(world: &World, caller: &str, project: ProjectId) -> Vec<Attempt> {
        let now = world.clock.now();
        let token = |token: String| vec![("x-chappe-call", token)];
        let good = world.key.mint(caller, Some(project), now);
        let other_project = good.replacen(
            &project.to_string(),
            &ProjectId::from_uuid(uuid::Uuid::nil()).to_string(),
            1,
        );
        let stranger = CallKey::new(&MasterKey::new([66; 32])).mint(caller, Some(project), now);
        [
            ("nobody", Vec::new(), "UNAUTHENTICATED"),
            (
                "an expired token",
                token(world.key.mint(caller, Some(project), now - LONG)),
                "CLOCKS_DIFFER",
            ),
            ("a token of another key", token(stranger), "KEYS_DIFFER"),
            ("a token for another project", token(other_project), "KEYS_DIFFER"),
            (
                "a name and a project in headers of their own",
                vec![
                    ("x-chappe-caller", caller.to_owned()),
                    ("x-chappe-project", project.to_string()),
                ],
                "UNAUTHENTICATED",
            ),
        ]
        .map(|(who, credential, refusal)| Attempt {
            who: who.to_owned(),
            credential,
            refusal: Some(refusal),
        })
        .into()
    }

    /// A service that may make this call.
    fn rightful(to: &str, method: &str) -> &'static str {
        let mut edges = EDGES.iter().filter(|edge| (edge.to, edge.method) == (to, method));
        edges.find(|edge| edge.from != CLIENT).unwrap().from
    }

    fn refusal(answer: &Answer) -> Option<&'static str> {
        REFUSALS.into_iter().find(|reason| *reason == answer.reason)
    }

    fn code_fits(answer: &Answer, refusal: Option<&str>) -> bool {
        match refusal {
            Some("CALLER_NOT_ALLOWED" | "INTERNAL_METHOD") => answer.code == Code::PermissionDenied,
            Some(_) => answer.code == Code::Unauthenticated,
            None => !matches!(answer.code, Code::PermissionDenied | Code::Unauthenticated),
        }
    }

    /// Empty, as authentication comes first; but what checks keys is given a good one.
    fn request(method: &str, rest_key: &str, project_key: &str) -> Vec<u8> {
        if !method.ends_with("/Authenticate") {
            return Vec::new();
        }
        let request = AuthenticateRequest {
            rest_key: rest_key.to_owned(),
            scope: Some(Scope::ProjectKey(project_key.to_owned())),
        };
        request.encode_to_vec()
    }

    /// The methods of all contracts.
    fn contracts() -> BTreeSet<String> {
        let contracts = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut methods = BTreeSet::new();
        for file in contracts.file {
            for service in &file.service {
                let full = |name: &str| format!("{}.{}/{name}", file.package(), service.name());
                methods.extend(service.method.iter().map(|method| full(method.name())));
            }
        }
        methods
    }
}
