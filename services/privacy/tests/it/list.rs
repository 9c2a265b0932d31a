use chappe_testkit::for_each_backend;

for_each_backend!(the_list_is_newest_first_and_keeps_what_is_pending);

mod suite {
    use std::time::Duration;

    use chappe_testkit::TestDb;

    use crate::world::{ADA, World};

    pub(super) async fn the_list_is_newest_first_and_keeps_what_is_pending(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let privacy = world.instance().await;
        let month = Duration::from_hours(24 * 30);

        let old = privacy.remove("ada").await;
        privacy.work().await;
        world.subject("automation").set_away(true);
        let stuck = privacy.remove("ada").await;
        privacy.work().await;
        world.advance(month / 2);
        let recent = privacy.review("ada").await;
        world.advance(Duration::from_secs(1));
        let latest = privacy.review("ada").await;
        let ids = |listed: Vec<chappe_proto::privacy::PrivacyRequest>| -> Vec<String> {
            listed.into_iter().map(|request| request.request_id).collect()
        };
        let [old, stuck, recent, latest] = [old, stuck, recent, latest].map(|request| request.request_id);

        // The two oldest were made at the same instant: their ids, which grow, decide.
        let mut together = [old, stuck.clone()];
        together.sort_unstable_by(|a, b| b.cmp(a));
        let expected = [&latest, &recent, &together[0], &together[1]];
        assert_eq!(ids(privacy.list().await), expected.map(String::clone));

        world.advance(month / 2);
        assert_eq!(ids(privacy.list().await), [latest, recent, stuck.clone()]);
        let listed = privacy.list().await;
        let stuck = listed.iter().find(|request| request.request_id == stuck).unwrap();
        assert!(!stuck.done && stuck.participants.len() == 4);
    }
}
