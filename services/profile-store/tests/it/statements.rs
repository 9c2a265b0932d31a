use chappe_testkit::for_each_backend;

for_each_backend!(a_call_costs_nine_statements_whatever_its_size);

mod suite {
    use std::{cell::Cell, sync::Once};

    use chappe_proto::profile as pb;
    use chappe_testkit::TestDb;
    use tracing::{Subscriber, span::Attributes};
    use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _};

    use crate::support::{EditExt as _, START, Store, edit, live, person};

    thread_local! {
        static RUN: Cell<u32> = const { Cell::new(0) };
    }

    /// Counts the statements that sea-orm runs inside transactions, by the spans it opens for them: apart for each
    /// thread, and every test has its own.
    struct Statements;

    impl Statements {
        fn count() {
            static INSTALLED: Once = Once::new();
            INSTALLED.call_once(|| {
                let counting = tracing_subscriber::registry().with(Self);
                tracing::subscriber::set_global_default(counting).unwrap();
            });
            RUN.set(0);
        }
    }

    impl<S: Subscriber> Layer<S> for Statements {
        fn on_new_span(&self, span: &Attributes<'_>, _: &tracing::Id, _: Context<'_, S>) {
            let metadata = span.metadata();
            let runs = ["execute_raw", "query_one_raw", "query_all_raw"].contains(&metadata.name());
            if runs && metadata.target() == "sea_orm::database::transaction" {
                RUN.set(RUN.get() + 1);
            }
        }
    }

    /// Known and new profiles, changed attributes, events of interest, a key: everything at once.
    fn call(key: &str, first: u128, count: u128) -> pb::ApplyEditsRequest {
        let unique = 0x10_0000 * key.len() as u128;
        let edits = (first..first + count).map(|number| {
            edit(person(number))
                .set("plan", key)
                .event(unique + number, "visit", START)
        });
        pb::ApplyEditsRequest {
            idempotency: Some(pb::Idempotency {
                key: key.to_owned(),
                ..pb::Idempotency::default()
            }),
            ..live(START, edits.collect())
        }
    }

    pub(super) async fn a_call_costs_nine_statements_whatever_its_size(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        store.send(call("a", 0, 300)).await.unwrap();

        for (key, count) in [("bb", 2), ("ccc", 600)] {
            Statements::count();
            store.send(call(key, 299, count)).await.unwrap();
            assert_eq!(RUN.get(), 9);
        }
        assert_eq!(store.pull(1_000).await.len(), 902);
    }
}
