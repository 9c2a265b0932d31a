use chappe_testkit::for_each_backend;

for_each_backend!(
    only_events_of_interest_are_fed,
    rows_come_in_the_order_of_their_versions,
    a_sampled_trace_goes_on_with_the_row,
    a_pull_takes_no_more_than_it_asks_for,
    rows_that_do_not_fit_one_answer_come_one_after_the_other,
    an_event_that_waits_longer_than_it_is_kept_hinders_nothing,
    acknowledged_rows_are_gone_and_others_stay,
    a_waiting_pull_is_woken,
    only_the_lanes_asked_for_are_pulled,
    only_the_profiles_asked_for_are_pulled,
    bad_lanes_are_refused,
);

mod suite {
    use std::time::Duration;

    use chappe_ids::lane_of;
    use chappe_kit::{
        grpc::{context::within, peer::with_deadline},
        trace::TraceContext,
    };
    use chappe_proto::profile as pb;
    use chappe_testkit::TestDb;
    use tonic::{Code, Request};

    use crate::support::{DAY, EditExt as _, PROJECT, START, Store, edit, large_visit, person, text_of};

    pub(super) async fn only_events_of_interest_are_fed(test: TestDb) {
        let store = Store::new(test).await;
        let act = async |id| {
            let edits = vec![
                edit(person(1))
                    .event(id, "visit", START)
                    .event(id + 1, "purchase", START),
            ];
            store.apply(edits).await;
        };
        act(1).await;
        assert!(store.fed().await.is_empty());
        store.interest(&["Purchase", "refund"]).await;
        act(3).await;
        assert_eq!(store.fed().await, ["purchase"]);
        store.interest(&["visit"]).await;
        act(5).await;
        assert_eq!(store.fed().await, ["purchase", "visit"]);
        store.interest(&[]).await;
        act(7).await;
        assert_eq!(store.fed().await.len(), 2);
    }

    pub(super) async fn rows_come_in_the_order_of_their_versions(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        // Ids fall as time goes on, so that no accidental order passes.
        for version in 0..3 {
            let edits = vec![
                edit(person(2)).event(100 - version * 3, "visit", START),
                edit(person(1))
                    .set("plan", "gold")
                    .event(99 - version * 3, "other", START)
                    .event(98 - version * 3, "visit", START),
            ];
            store.apply(edits).await;
        }
        let rows = store.pull(100).await;
        let order: Vec<_> = rows
            .iter()
            .map(|row| (row.profile_id.clone(), row.version, row.index))
            .collect();
        let of = |number, index| (1..=3).map(move |version| (person(number).to_string(), version, index));
        assert_eq!(order, of(1, 1).chain(of(2, 0)).collect::<Vec<_>>());

        let first = &rows[0];
        assert_eq!(first.project_id, PROJECT.to_string());
        assert_eq!(first.custom_id, format!("user-{}", person(1)));
        assert_eq!(first.lane, i32::from(lane_of(person(1))));
        assert_eq!(first.accepted_at, Some(START.into()));
        assert_eq!(first.traceparent, "", "the call was in no sampled trace");
        let event = first.event.clone().unwrap();
        let attributes = pb::Profile {
            attributes: event.attributes,
            ..pb::Profile::default()
        };
        assert_eq!(text_of(&attributes, "product").as_deref(), Some("tee"));
    }

    pub(super) async fn a_sampled_trace_goes_on_with_the_row(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        for (number, sampled) in [(1, "01"), (2, "00")] {
            let traceparent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{sampled}");
            let edits = vec![edit(person(number)).event(number, "visit", START)];
            within(TraceContext::parse(&traceparent), store.apply(edits)).await;
        }
        let rows = store.pull(10).await;
        let kept: Vec<&str> = rows.iter().map(|row| row.traceparent.as_str()).collect();
        assert_eq!(kept, ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ""]);
    }

    pub(super) async fn a_pull_takes_no_more_than_it_asks_for(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let edits = (0..70).map(|number| {
            edit(person(number))
                .event(number * 2, "visit", START)
                .event(number * 2 + 1, "visit", START)
        });
        store.apply(edits.collect()).await;
        let mut seen = 0;
        loop {
            let rows = store.pull(9).await;
            assert!(rows.len() <= 9);
            if rows.is_empty() {
                break;
            }
            seen += rows.len();
            ack(&store, &rows).await;
        }
        assert_eq!(seen, 140);
    }

    pub(super) async fn rows_that_do_not_fit_one_answer_come_one_after_the_other(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        for number in [1, 2] {
            store.apply(vec![large_visit(number)]).await;
        }
        for number in [1, 2] {
            let rows = store.pull(100).await;
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].profile_id, person(number).to_string());
            ack(&store, &rows).await;
        }
        assert_eq!(store.fed().await.len(), 0);
    }

    pub(super) async fn an_event_that_waits_longer_than_it_is_kept_hinders_nothing(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        store.apply(vec![edit(person(1)).event(1, "visit", START)]).await;
        store.advance(DAY * 92);
        store.service.purge().await.unwrap();
        let again = store.apply(vec![edit(person(1)).event(1, "visit", START)]).await;
        assert_eq!(again[0].events_applied, 1);
        assert_eq!(store.fed().await.len(), 1);
    }

    pub(super) async fn acknowledged_rows_are_gone_and_others_stay(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        store
            .apply(vec![edit(person(1)).event(1, "visit", START).event(2, "visit", START)])
            .await;
        let rows = store.pull(10).await;
        ack(&store, &rows[..1]).await;
        assert_eq!(store.pull(10).await, rows[1..]);
        ack(&store, &rows).await;
        assert!(store.pull(10).await.is_empty());
        let again = store.apply(vec![edit(person(1)).event(1, "visit", START)]).await;
        assert_eq!(again[0].events_duplicate, 1);
        assert!(
            store.pull(10).await.is_empty(),
            "the event itself is kept, so it cannot come twice"
        );
    }

    pub(super) async fn a_waiting_pull_is_woken(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let mut client = store.client();
        let request = pb::PullFeedRequest {
            lanes: (0..64).collect(),
            max_rows: 10,
            wait_ms: 30_000,
            profile_ids: Vec::new(),
        };
        let pull = client.pull_feed(with_deadline(Request::new(request), Duration::from_secs(40)));
        let (pulled, _) = tokio::join!(pull, store.apply(vec![edit(person(1)).event(1, "visit", START)]));
        assert_eq!(pulled.unwrap().into_inner().rows.len(), 1);
    }

    pub(super) async fn only_the_lanes_asked_for_are_pulled(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let edits = (0..64).map(|number| edit(person(number)).event(number, "visit", START));
        store.apply(edits.collect()).await;
        let request = pb::PullFeedRequest {
            lanes: vec![5, 9],
            max_rows: 1_000,
            wait_ms: 0,
            profile_ids: Vec::new(),
        };
        let rows = store
            .client()
            .pull_feed(Request::new(request))
            .await
            .unwrap()
            .into_inner()
            .rows;
        let mut lanes: Vec<_> = rows.iter().map(|row| row.lane).collect();
        lanes.sort_unstable();
        assert_eq!(lanes, [5, 9]);
    }

    pub(super) async fn only_the_profiles_asked_for_are_pulled(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let edits = (0..64).map(|number| edit(person(number)).event(number, "visit", START));
        store.apply(edits.collect()).await;
        let wanted = [person(7), person(8), person(1_000)];
        let request = |lanes| {
            Request::new(pb::PullFeedRequest {
                lanes,
                max_rows: 1_000,
                wait_ms: 0,
                profile_ids: wanted.iter().map(ToString::to_string).collect(),
            })
        };
        let pull = async |lanes| {
            let rows = store
                .client()
                .pull_feed(request(lanes))
                .await
                .unwrap()
                .into_inner()
                .rows;
            rows.into_iter().map(|row| row.profile_id).collect::<Vec<_>>()
        };
        assert_eq!(
            pull((0..64).collect()).await,
            wanted[..2].iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        let lane = i32::from(lane_of(wanted[1]));
        assert_eq!(pull(vec![lane]).await, [wanted[1].to_string()]);
    }

    pub(super) async fn bad_lanes_are_refused(test: TestDb) {
        let store = Store::new(test).await;
        for lanes in [vec![], vec![64], vec![-1]] {
            let request = pb::PullFeedRequest {
                lanes,
                max_rows: 1,
                wait_ms: 0,
                profile_ids: Vec::new(),
            };
            let refused = store.client().pull_feed(Request::new(request)).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
        }
    }

    async fn ack(store: &Store, rows: &[pb::FeedRow]) {
        let rows = rows.iter().map(|row| pb::FeedRowRef {
            project_id: row.project_id.clone(),
            row_id: row.row_id.clone(),
        });
        let request = pb::AckFeedRequest { rows: rows.collect() };
        store.client().ack_feed(Request::new(request)).await.unwrap();
    }
}
