use std::sync::Arc;

use super::*;
use crate::history::History;
use crate::migration::{Checksum, Migration, Named};
use crate::text::{Source, Span};

fn graph() -> Graph {
    let migration = |name: &str, kind, partner: Option<&str>| Migration {
        source: Arc::new(Source::new(name, "-- header\n")),
        checksum: Checksum([1; 32]),
        partner: partner.map(|name| Named {
            name: Name::new(name),
            span: Span::new(3, 9),
        }),
        ..Migration::example(name, kind)
    };
    let migrations = vec![
        migration("a", Kind::Batch, None),
        migration("c", Kind::Concurrent, Some("a")),
        migration("d", Kind::Concurrent, Some("a")),
    ];
    let (graph, diagnostics) = Graph::new(migrations, &History::default());
    assert_eq!(diagnostics, []);
    graph
}

/// `main/c other/x`, with `!` if it cannot be repeated, and `stranger` for one
/// who is no segue.
#[track_caller]
fn check(on_conflict: OnConflict, blockers: &str, expected: Course) {
    let (strangers, holders): (Vec<&str>, Vec<&str>) = blockers
        .split_whitespace()
        .partition(|word| *word == "stranger");
    let holders: Vec<Holder> = holders
        .into_iter()
        .map(|word| {
            let (project, name) = word.split_once('/').expect("project/name");
            let (name, is_repeatable) = match name.strip_suffix('!') {
                Some(name) => (name, false),
                None => (name, true),
            };
            Holder {
                project: project.to_owned(),
                name: Name::new(name),
                pid: 7,
                is_repeatable,
            }
        })
        .collect();
    let strangers = !strangers.is_empty();
    let course = course(on_conflict, "main", &graph(), &holders, strangers);
    assert_eq!(course, expected, "{on_conflict:?} {blockers}");
}

#[test]
fn a_stranger_is_retried_as_ever() {
    for on_conflict in [OnConflict::Wait, OnConflict::Fail, OnConflict::Preempt] {
        check(on_conflict, "stranger", Course::Retry);
        check(on_conflict, "", Course::Retry);
    }
}

#[test]
fn wait_and_fail_do_not_ask_whose_it_is() {
    for blockers in ["main/c", "main/c stranger", "other/c", "main/gone"] {
        check(OnConflict::Wait, blockers, Course::Wait);
        check(OnConflict::Fail, blockers, Course::Fail);
    }
}

#[test]
fn preempt_cancels_what_can_be_run_again_here() {
    check(OnConflict::Preempt, "main/c", Course::Preempt);
    check(OnConflict::Preempt, "main/c main/d", Course::Preempt);
}

#[test]
fn nothing_is_cancelled_while_a_stranger_is_in_the_way_too() {
    check(
        OnConflict::Preempt,
        "main/c stranger",
        Course::StrangersFirst,
    );
}

#[test]
fn another_projects_migration_is_not_cancelled() {
    let expected = Course::NotOurs(NotOurs::Project);
    check(OnConflict::Preempt, "other/c", expected);
    check(OnConflict::Preempt, "main/c other/c", expected);
}

#[test]
fn one_that_this_folder_lacks_is_not_cancelled() {
    let expected = Course::NotOurs(NotOurs::Folder);
    check(OnConflict::Preempt, "main/gone", expected);
    check(OnConflict::Preempt, "main/a", expected);
}

#[test]
fn one_whose_end_could_not_be_known_is_not_cancelled() {
    let expected = Course::NotOurs(NotOurs::Unrepeatable);
    check(OnConflict::Preempt, "main/c!", expected);
    check(OnConflict::Preempt, "main/c main/d! stranger", expected);
    check(OnConflict::Wait, "main/c!", Course::Wait);
}
