use std::sync::Arc;

use super::*;
use crate::diagnostic::render::{Style, render};
use crate::rehearsal::tests::folder;
use crate::text::Source;

/// A file of plain SQL.
fn script(name: &str, text: &str) -> Migration {
    let mut script = Migration::example(name, Kind::Batch);
    script.source = Arc::new(Source::new(name, text));
    script
}

fn snapshot(name: &str, files: usize) -> Sample {
    Sample {
        script: script(name, ""),
        state: name.trim_end_matches(".sql").to_owned(),
        files,
    }
}

fn check_of(from: usize) -> Check {
    Check {
        script: script("x.check.sql", ""),
        of: Name::new("x.sql"),
        from,
        until: None,
    }
}

/// The stops; then each start, with its snapshot after `+`.
#[track_caller]
fn check(files: usize, versions: &[(&str, usize)], of: &[usize], checks: &[usize], expected: &str) {
    let names: Vec<String> = (1..=files).map(|number| number.to_string()).collect();
    let migrations = folder(&names.join(" "));
    let versions: Vec<(String, usize)> = versions
        .iter()
        .map(|(name, files)| ((*name).to_owned(), *files))
        .collect();
    let samples: Vec<Sample> = of.iter().map(|files| snapshot("s.sql", *files)).collect();
    let checks: Vec<Check> = checks.iter().map(|from| check_of(*from)).collect();
    let upgrades = Upgrades::new(&migrations, &versions, &samples, &checks);
    let starts: Vec<String> = upgrades
        .starts
        .iter()
        .map(|start| match start.sample {
            Some(index) => format!("{} {}+{index}", start.files, start.name),
            None => format!("{} {}", start.files, start.name),
        })
        .collect();
    assert_eq!(
        format!("{:?} {}", upgrades.stops, starts.join(", ")),
        expected
    );
}

#[test]
fn without_any_of_it_there_is_nothing_to_do() {
    check(5, &[], &[], &[], "[] ");
}

#[test]
fn a_version_is_upgraded_with_the_rows_of_each_snapshot_or_without_any() {
    check(
        5,
        &[("1.0.0", 1), ("2.0.0", 3)],
        &[3, 3, 2],
        &[],
        "[1, 2, 3, 5] 1 1.0.0, 2 s+2, 3 s+0, 3 s+1",
    );
}

#[test]
fn of_the_newest_version_only_the_rows_are_looked_at() {
    check(3, &[("2.0.0", 3)], &[], &[], "[] ");
    check(3, &[("2.0.0", 3)], &[3], &[], "[3] 3 s+0");
}

#[test]
fn a_check_is_run_where_its_migration_is_the_last_one() {
    check(5, &[], &[], &[4, 2, 4], "[2, 4, 5] ");
}

#[test]
fn a_check_holds_from_its_migration_on_until_another_one() {
    let migrations = folder("1.sql 2.sql 3.sql 4.sql");
    let read = |text: &str| {
        let script = script("2.check.sql", text);
        super::check(script, &Name::new("2.sql"), &migrations)
    };
    let holds = |text: &str| -> Vec<bool> {
        let check = read(text).expect("valid");
        (1..=4).map(|files| check.holds(files)).collect()
    };
    assert_eq!(holds("SELECT 1;"), [false, true, true, true]);
    assert_eq!(holds("-- until: 4.sql\n"), [false, true, true, false]);
    assert_eq!(
        holds("-- What it is.\n-- until: 3\n"),
        [false, true, false, false]
    );
    let refused = |text: &str| render(&read(text).expect_err("invalid"), Style::Plain);
    assert_eq!(
        refused("-- until: 5.sq\n"),
        "\
error[check-of-nothing]: the checks of `2.sql` hold until `5.sq`
  --> 2.check.sql:1:11
  |
1 | -- until: 5.sq
  |           ^^^^ there is no such migration
"
    );
    assert_eq!(
        refused("-- until: 1.sql\n"),
        "\
error[check-of-nothing]: the checks of `2.sql` hold until `1.sql`
  --> 2.check.sql:1:11
  |
1 | -- until: 1.sql
  |           ^^^^^ comes before it
"
    );
}

#[test]
fn a_snapshot_of_nothing_is_refused() {
    let migrations = folder("1-a.sql 2-b.sql");
    let found = super::sample(script("1-a.sql", ""), "1-a", &migrations).expect("valid");
    assert_eq!((found.state.as_str(), found.files), ("1-a", 1));
    let refused = super::sample(script("x.sql", "-- snapshot: 2-c\n"), "x", &migrations);
    assert_eq!(
        render(&refused.expect_err("invalid"), Style::Plain),
        "\
error[snapshot-of-nothing]: no migration is named `2-c`
  --> x.sql:1:14
  |
1 | -- snapshot: 2-c
  |              ^^^ the snapshot is said to be of that
  = help: did you mean `2-b.sql`?
  = help: a line `-- snapshot: VERSION` at the top says what it is of, else the file's name
"
    );
}

fn broken(place: &str, file: &str, message: &str) -> Broken {
    let source = Arc::new(Source::new(file, "SELECT 1;\n"));
    Broken {
        step: Step::Upgrades,
        diagnostic: Diagnostic::new(code::UPGRADE_FAILS, message)
            .source(&source)
            .label(Span::new(0, 6), ""),
        difference: None,
        place: place.to_owned(),
    }
}

#[test]
fn a_problem_is_told_once_with_the_databases_that_have_it() {
    let findings = findings(vec![
        broken("a", "1.sql", "x"),
        broken("a", "2.sql", "x"),
        broken("a", "1.sql", "x"),
        broken("b", "1.sql", "other values"),
        broken("c", "1.sql", "x"),
        broken("d", "1.sql", "x"),
        broken("e", "1.sql", "x"),
    ]);
    let notes: Vec<String> = findings
        .iter()
        .map(|finding| finding.diagnostic.notes.join("; "))
        .collect();
    assert_eq!(
        notes,
        [
            "in a database a; also in a database b; also in a database c; and in 2 more",
            "in a database a",
        ]
    );
}

#[test]
fn places_are_told_in_words() {
    let migrations = folder("1.sql 2.sql");
    assert_eq!(
        place_of_stop(&migrations, 2),
        "without rows of its own, deployed step by step up to `2.sql`"
    );
    let samples = [snapshot("1.sql", 1)];
    let start = Start {
        files: 1,
        name: "1.0.0".to_owned(),
        sample: Some(0),
    };
    assert_eq!(
        place_of_upgrade(&start, &samples, Some(false)),
        "at 1.0.0 with the rows of `1.sql`, upgraded at once, nothing folded"
    );
    assert_eq!(
        place_of_upgrade(&start, &samples, None),
        "at 1.0.0 with the rows of `1.sql`, upgraded at once"
    );
}
