use std::fmt::Write as _;

use super::*;
use crate::migration::Named;
use crate::text::Span;

/// A folder in shorthand, `c:a` begins with `a`, `e<c,d` ends both.
pub(super) fn folder(files: &str) -> Vec<Migration> {
    let named = |name: &str| Named {
        name: Name::new(name),
        span: Span::new(0, 0),
    };
    let file = |file: &str| {
        let (rest, ends) = file.split_once('<').unwrap_or((file, ""));
        let (name, partner) = rest
            .split_once(':')
            .map_or((rest, None), |(name, partner)| (name, Some(partner)));
        let kind = partner.map_or(Kind::Batch, |_| Kind::Concurrent);
        Migration {
            partner: partner.map(named),
            ends: ends
                .split(',')
                .filter(|name| !name.is_empty())
                .map(named)
                .collect(),
            ..Migration::example(name, kind)
        }
    };
    files.split_whitespace().map(file).collect()
}

/// The line as counts of files, `*` where a stage proves; each split as
/// `after..files without open then ending`.
#[track_caller]
fn check(files: &str, expected: &str) {
    let rehearsal = Rehearsal::new(&folder(files));
    let mut shown = String::from("line");
    for stage in &rehearsal.line {
        let mark = if stage.proves.is_some() { "*" } else { "" };
        write!(shown, " {}{mark}", stage.files).expect("a string");
    }
    for split in &rehearsal.splits {
        let open: Vec<_> = split.open.iter().map(Name::as_str).collect();
        write!(
            shown,
            "; {}..{} without {}",
            split.after,
            split.files,
            open.join(",")
        )
        .expect("a string");
        if let Some(ending) = &split.ending {
            write!(shown, " then {ending}").expect("a string");
        }
    }
    assert_eq!(shown, expected);
}

#[test]
fn without_concurrent_migrations_a_fresh_database_is_enough() {
    check("", "line");
    check("a b c", "line");
}

#[test]
fn a_triple_is_deployed_without_its_ending_migration() {
    check("a p c:p e<c", "line 1 2 3* 4; 1..3 without c then e");
}

#[test]
fn what_lies_between_is_part_of_the_deployment() {
    check(
        "a p b c:p d e<c f",
        "line 1 3 4* 5 7; 1..5 without c then e",
    );
}

#[test]
fn the_first_ending_migration_counts() {
    check("p c:p d e<c f<c", "line 1 2* 3 5; 0..3 without c then e");
}

#[test]
fn a_migration_that_is_never_ended_may_run_last_of_all() {
    check("p c:p d", "line 1 2* 3; 0..3 without c");
    check("p c:p", "line 1 2*; 0..2 without c");
}

#[test]
fn those_that_end_together_share_a_deployment() {
    check("p c:p d:p e<c,d", "line 1 2* 3* 4; 0..3 without c,d then e");
    check("a b c:a d:b f", "line 2 3* 4* 5; 0..5 without c,d");
}

#[test]
fn one_that_ends_later_is_open_in_the_earlier_split() {
    check(
        "p c:p d:p e<c f<d",
        "line 1 2* 3* 4 5; 0..3 without c,d then e; 0..4 without d then f",
    );
}

#[test]
fn one_that_was_done_before_the_split_begins_is_not_open() {
    check(
        "p c:p q d:q e<d",
        "line 1 2* 3 4* 5; 0..5 without c; 2..4 without d then e",
    );
}
