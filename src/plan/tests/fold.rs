//! Which concurrent migrations run inside the transaction.

use super::{check, outcome};
use crate::migration::Name;
use crate::plan::{Concurrent, Options};

#[test]
fn an_empty_database_folds_all_that_can_be() {
    check(
        "ap, c with ap folds, q",
        "empty",
        "behind; block ap c* q last; ready by commit",
    );
    check(
        "ap, c with ap, q",
        "empty",
        "behind; block ap q last; ready by commit; tail c Pending",
    );
    check(
        "ap, c with ap folds, e ends c",
        "empty",
        "behind; block ap c* e last; ready by commit",
    );
    check(
        "ap, c with ap folds",
        "empty, ap applied, settled",
        "behind; block c* last; ready by commit",
    );
    // What was begun is looked after outside.
    check(
        "ap, c with ap folds",
        "empty, ap applied, settled, c failed",
        "behind; ready after; tail c Failed(\"why\")",
    );
    let options = Options {
        concurrent: Concurrent::Unfolded,
        ..Options::default()
    };
    assert_eq!(
        outcome("ap, c with ap folds", "empty", &options),
        "behind; block ap last; ready by commit; tail c Pending"
    );
    let options = Options {
        concurrent: Concurrent::Alone,
        ..Options::default()
    };
    assert_eq!(
        outcome(
            "ap, c with ap folds, e ends c",
            "empty, ap applied",
            &options
        ),
        "behind; block e last; ready by commit; tail c Pending"
    );
    let options = Options {
        unfolded: [Name::new("c")].into(),
        ..Options::default()
    };
    assert_eq!(
        outcome("ap, c with ap folds, d with ap folds", "empty", &options),
        "behind; block ap d* last; ready by commit; tail c Pending"
    );
}

/// The database was empty when the run began, and has been taken into use while
/// it waited.
#[test]
fn what_another_run_has_made_ready_is_in_use() {
    let options = Options {
        was_empty: true,
        ..Options::default()
    };
    assert_eq!(
        outcome("ap, c with ap folds", "ap applied", &options),
        "behind; block c* last; ready by commit"
    );
    assert_eq!(
        outcome("ap, c with ap folds", "ap applied, ready", &options),
        "behind; ready already; tail c Pending"
    );
}

#[test]
fn what_may_need_an_unfolded_one_is_not_folded() {
    check(
        "ap, c with ap touches t, d with ap folds touches t, e with ap folds touches u",
        "empty",
        "behind; block ap e* last; ready by commit; tail c Pending; tail d Pending after c",
    );
}

#[test]
fn folded_ones_cut_as_others_do() {
    check(
        "ap, c with ap folds enum, q",
        "empty",
        "behind; block ap c* cut by EnumValue; block q last; ready by commit",
    );
    check(
        "ap, c with ap folds, d standalone, e with ap folds",
        "empty",
        "behind; block ap c*; standalone d; block e* last; ready by commit",
    );
}

#[test]
fn a_database_in_use_folds_what_is_needed_and_new() {
    let needed = |ap: &str, c: &str| {
        let folder = format!("ap {ap}, c with ap folds {c}, e ends c");
        outcome(&folder, "", &Options::default()).contains("c*")
    };
    assert!(needed("makes a.t", "indexes a.t"));
    assert!(needed("makes t", "indexes t"));
    assert!(!needed("touches t", "indexes t"));
    assert!(!needed("makes a.t", "indexes t"));
    assert!(!needed("makes t", "indexes a.t"));
    assert!(!needed("makes t moves", "indexes t"));
    assert!(!needed("makes t", "indexes t moves"));
    assert!(needed("makes a.t moves", "indexes a.t"));
    assert!(!needed("makes a.t renames t", "indexes a.t"));
    // Nobody needs it before readiness.
    check(
        "ap makes t, c with ap folds indexes t",
        "",
        "behind; block ap last; ready by commit; tail c Pending",
    );
}
