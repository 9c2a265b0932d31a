use std::time::Duration;

use crate::support::{Arm, events, on_both_arms, project};

const HOUR: Duration = Duration::from_hours(1);

on_both_arms!(
    only_marked_events_are_seen_in_the_order_asked,
    a_mark_ends_with_its_time,
    marking_again_prolongs,
    one_project_does_not_see_the_marks_of_another,
    nothing_is_asked_about_no_events,
);

async fn only_marked_events_are_seen_in_the_order_asked(arm: Arm) {
    let dedup = &arm.coordination.dedup;
    let project = project();
    // Enough to be spread over all slots of the project.
    let events = events::<1_000>();
    let marked: Vec<_> = events.iter().copied().step_by(3).collect();
    dedup.mark(project, &marked, HOUR).await;

    let seen = dedup.seen(project, &events).await;
    let expected: Vec<_> = (0..events.len()).map(|index| index % 3 == 0).collect();
    assert_eq!(seen, expected);

    let twice = [events[1], events[0], events[0]];
    assert_eq!(dedup.seen(project, &twice).await, [false, true, true]);
}

async fn a_mark_ends_with_its_time(mut arm: Arm) {
    let (project, [short, long]) = (project(), events());
    let dedup = arm.coordination.dedup.clone();
    dedup.mark(project, &[short], HOUR).await;
    dedup.mark(project, &[long], 3 * HOUR).await;
    arm.pass(HOUR / 2).await;
    assert_eq!(dedup.seen(project, &[short, long]).await, [true, true]);
    arm.pass(HOUR / 2).await;
    assert_eq!(dedup.seen(project, &[short, long]).await, [false, true]);
}

async fn marking_again_prolongs(mut arm: Arm) {
    let (project, event) = (project(), events::<1>());
    let dedup = arm.coordination.dedup.clone();
    dedup.mark(project, &event, HOUR).await;
    dedup.mark(project, &event, 3 * HOUR).await;
    arm.pass(2 * HOUR).await;
    assert_eq!(dedup.seen(project, &event).await, [true]);
}

async fn one_project_does_not_see_the_marks_of_another(arm: Arm) {
    let event = events::<1>();
    let (mine, theirs) = (project(), project());
    arm.coordination.dedup.mark(mine, &event, HOUR).await;
    assert_eq!(arm.coordination.dedup.seen(mine, &event).await, [true]);
    assert_eq!(arm.coordination.dedup.seen(theirs, &event).await, [false]);
}

async fn nothing_is_asked_about_no_events(arm: Arm) {
    arm.coordination.dedup.mark(project(), &[], HOUR).await;
    assert!(arm.coordination.dedup.seen(project(), &[]).await.is_empty());
}
