use super::*;
use crate::cli::report::schema;
use crate::migration::Name;
use crate::serve::example;

/// Names of what a client hears that knows one view, and then another.
fn check(before: &View, now: &View, expected: &[&str]) {
    assert_eq!(names(Some(before), now), expected);
}

fn pending() -> View {
    example::view(false, None)
}

fn ready() -> View {
    example::view(true, None)
}

fn settled() -> View {
    let mut view = ready();
    view.stage = Stage::Settled;
    view
}

#[test]
fn each_change_has_a_name() {
    check(&pending(), &ready(), &["ready"]);
    check(&ready(), &settled(), &["settled"]);
    check(&ready(), &pending(), &["status"]);
    check(&ready(), &example::view(true, Some("gone")), &["stale"]);
    check(&example::view(true, Some("gone")), &ready(), &["status"]);
}

#[test]
fn a_slow_client_hears_both_of_two_that_came_at_once() {
    check(&pending(), &settled(), &["ready", "settled"]);
    let mut next = settled();
    let status = next.status.as_mut().expect("there is one");
    status.deployments[0].id = 3;
    check(&settled(), &next, &["ready", "settled"]);
}

#[test]
fn progress_alone_is_progress() {
    let mut next = ready();
    let status = next.status.as_mut().expect("there is one");
    let EntryState::Running(_, Some(row)) = &mut status.entries[1].state else {
        panic!("it runs");
    };
    row.done = Some(500);
    check(&ready(), &next, &["progress"]);
}

#[test]
fn a_failure_is_told_once() {
    let mut failed = ready();
    let status = failed.status.as_mut().expect("there is one");
    status.entries[1].state = EntryState::Failed("no".to_owned());
    check(&ready(), &failed, &["failed"]);
    let mut next = failed.clone();
    let status = next.status.as_mut().expect("there is one");
    status.entries[0].name = Name::new("another");
    check(&failed, &next, &["progress"]);
}

#[test]
fn a_new_client_hears_the_present_state_and_nothing_twice() {
    let state = example::first().next(ready(), None);
    let data = data(&state.view);
    schema::check_def("served", "event", &data);
    assert_eq!(
        messages(None, &state),
        format!("retry: 2000\n\nevent: status\nid: 1769817600000-1\ndata: {data}\n\n")
    );
    assert_eq!(messages(Some(&state), &state), "");
    let mut later = ready();
    later.seen_at = Some("2026-01-31T00:00:09.000Z".to_owned());
    assert_eq!(messages(Some(&state), &state.next(later, None)), "");
}
