use super::*;
use crate::serve::example;

/// The line for a view that follows others.
fn check(views: &[(bool, Option<&str>)], expected: &str) {
    let mut state = example::first();
    for (is_ready, stale) in views {
        state = state.next(example::view(*is_ready, *stale), None);
    }
    assert_eq!(line(&state, example::serving()), expected);
}

#[test]
fn it_is_down_until_it_was_ready_and_drains_after_that() {
    check(&[], "down #the database has not been looked at yet\n");
    check(&[(false, None)], "down #1 migration pending: `1.sql`\n");
    check(
        &[(false, None), (true, None)],
        "up ready #deployment 2 is ready\n",
    );
    check(
        &[(true, None), (true, Some("it restarts"))],
        "up ready #deployment 2 is ready\n",
    );
    check(
        &[(true, None), (false, None)],
        "up drain #1 migration pending: `1.sql`\n",
    );
}

#[test]
fn a_server_that_stops_drains() {
    let state = example::first().next(example::view(true, None), None);
    let course = Course {
        drains: true,
        ..example::serving()
    };
    assert_eq!(line(&state, course), "up drain #segue serve is stopping\n");
}

#[test]
fn a_reason_is_a_line_of_ascii_and_not_too_long() {
    assert_eq!(reason("größer\nals\t#1"), "gr??er als #1");
    assert_eq!(reason(&"x".repeat(1000)).len(), REASON_CHARS_MAX);
}
