use std::fmt::Write as _;

use super::*;
use crate::history::{LockKey, Record};
use crate::migration::{Checksum, Named, Outline};

/// Migrations from lines: `b` a batch migration, `s` a standalone one, `c` a
/// concurrent one with the partner before it; then its name, and how it is
/// taken back: `revert`, `no-txn`, `enum` (the file adds a value), or nothing.
/// Then its state: `applied`, `abandoned`, `failed`, `running`, `begun 2`
/// (statements done), `unknown 1` (that nobody knows what it has done), `rows
/// 5` (of a backfill), `given-up 5` (after so many rows), `half 1` (taken back,
/// statements done), `orphan` (half taken back, not in the ledger), `gone`
/// (applied, no file), `-`.
fn reversal(to: &str, folder: &str) -> String {
    let mut migrations: Vec<Migration> = Vec::new();
    let mut known = Known::default();
    let mut history = History {
        ledger: Some(7),
        ..History::default()
    };
    for line in folder
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, name, way, state, rest @ ..] = words.as_slice() else {
            panic!("{line}?");
        };
        let name = Name::new(&format!("{name}.sql"));
        let kind = match *kind {
            "b" => Kind::Batch,
            "s" => Kind::Standalone,
            "c" => Kind::Concurrent,
            other => panic!("{other}?"),
        };
        let mut migration = Migration::example(name.as_str(), kind);
        let before = migrations.iter().rev().find(|one| one.kind == Kind::Batch);
        if let (Kind::Concurrent, Some(partner)) = (kind, before) {
            migration.partner = Some(Named {
                name: partner.name.clone(),
                span: Span::new(0, 0),
            });
        }
        if *way != "-" {
            let kind = match *way {
                "no-txn" => Kind::Standalone,
                _ => Kind::Batch,
            };
            let mut revert = Migration::example(name.revert_file().as_str(), kind);
            revert.outline = Some(Outline {
                adds_enum_value: *way == "enum",
                ..Outline::default()
            });
            known.reverts.insert(name.clone(), revert);
        }
        if *state != "gone" {
            migrations.push(migration);
        }
        let record = |state| Record {
            checksum: Checksum([0; 32]),
            state,
            kind,
            deployment: Some(1),
            at: String::new(),
            schema_diff: None,
            schema_version: None,
        };
        let number = || rest[0].parse().expect("a number");
        let recorded = match *state {
            "-" => continue,
            "applied" | "gone" => State::Applied,
            "abandoned" => State::Abandoned,
            "failed" => State::Failed("why".to_owned()),
            "running" => {
                history.locks.insert(LockKey::migration("main", &name), 7);
                State::Begun
            }
            "begun" => {
                let unfinished = Unfinished {
                    statements: number(),
                    ..Unfinished::default()
                };
                known.unfinished.insert(name.clone(), unfinished);
                State::Begun
            }
            "rows" => {
                let unfinished = Unfinished {
                    rows: number() as u64,
                    ..Unfinished::default()
                };
                known.unfinished.insert(name.clone(), unfinished);
                State::Begun
            }
            "unknown" => {
                let unfinished = Unfinished {
                    unknown: Some(number()),
                    ..Unfinished::default()
                };
                known.unfinished.insert(name.clone(), unfinished);
                State::Begun
            }
            "given-up" => {
                let unfinished = Unfinished {
                    rows: number() as u64,
                    ..Unfinished::default()
                };
                known.unfinished.insert(name.clone(), unfinished);
                State::Abandoned
            }
            "half" => {
                let begun = Unfinished {
                    statements: number(),
                    ..Unfinished::default()
                };
                known.begun.insert(name.clone(), begun);
                history.reverting.insert(name.clone(), record(State::Begun));
                State::Applied
            }
            "orphan" => {
                history.reverting.insert(name, record(State::Begun));
                continue;
            }
            other => panic!("{other}?"),
        };
        history.records.insert(name, record(recorded));
    }
    let to = match To::find(to, &migrations, &history) {
        Ok(to) => to,
        Err(problem) => return told(&problem),
    };
    match Reversal::new(&migrations, &history, "main", to, &known) {
        Ok(reversal) => shown(&reversal),
        Err(problems) => problems.iter().map(told).collect(),
    }
}

fn told(problem: &Diagnostic) -> String {
    let mut text = format!("{}: {}\n", problem.code, problem.message);
    for help in &problem.helps {
        writeln!(text, "  {help}").expect("a string");
    }
    text
}

fn shown(reversal: &Reversal) -> String {
    let list = |names: &[Name]| {
        let names: Vec<&str> = names.iter().map(Name::as_str).collect();
        names.join(" ")
    };
    let mut text = format!("back to {}\n", reversal.to);
    for (what, names) in [
        ("clean up", &reversal.open),
        ("rows", &reversal.rows),
        ("left", &reversal.tail),
    ] {
        if !names.is_empty() {
            writeln!(text, "{what}: {}", list(names)).expect("a string");
        }
    }
    for step in &reversal.steps {
        match step {
            Step::Block(block) => {
                let ready = if block.is_last { ", ready" } else { "" };
                let files = list(&block.migrations);
                writeln!(text, "transaction: {files}{ready}").expect("a string");
            }
            Step::Standalone(name) => writeln!(text, "outside: {name}").expect("a string"),
            other => panic!("{other:?}"),
        }
    }
    text
}

#[track_caller]
fn check(to: &str, folder: &str, expected: &str) {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty())
            .map(ToOwned::to_owned)
            .collect()
    };
    assert_eq!(lines(&reversal(to, folder)), lines(expected));
}

#[test]
fn newest_first_and_in_one_transaction() {
    let folder = "
        b 1 -      applied
        b 2 revert applied
        b 3 revert applied
        b 4 revert -
    ";
    check(
        "1.sql",
        folder,
        "
        back to `1.sql`
        transaction: 3.revert.sql 2.revert.sql, ready
    ",
    );
    check(
        "2",
        folder,
        "
        back to `2.sql`
        transaction: 3.revert.sql, ready
    ",
    );
    check("3", folder, "back to `3.sql`");
}

#[test]
fn a_file_outside_a_transaction_parts_two_blocks() {
    check(
        "empty",
        "
        b 1 revert applied
        s 2 no-txn applied
        b 3 revert applied
        s 4 revert applied
        b 5 no-txn applied
    ",
        "
        back to before all migrations
        outside: 5.revert.sql
        transaction: 4.revert.sql 3.revert.sql
        outside: 2.revert.sql
        transaction: 1.revert.sql, ready
    ",
    );
}

#[test]
fn a_new_enum_value_ends_a_block() {
    check(
        "empty",
        "
        b 1 revert applied
        b 2 enum   applied
        b 3 revert applied
    ",
        "
        back to before all migrations
        transaction: 3.revert.sql 2.revert.sql
        transaction: 1.revert.sql, ready
    ",
    );
}

#[test]
fn a_triple_goes_back_from_its_end() {
    check(
        "0",
        "
        b 0 -      applied
        b 1 revert applied
        c 2 no-txn applied
        b 3 revert applied
    ",
        "
        back to `0.sql`
        transaction: 3.revert.sql
        outside: 2.revert.sql
        transaction: 1.revert.sql, ready
    ",
    );
}

#[test]
fn what_is_not_done_is_cleaned_up_first() {
    check(
        "0",
        "
        b 0 -      applied
        b 1 revert applied
        c 2 -      failed
        c 3 -      abandoned
        b 4 revert applied
    ",
        "
        back to `0.sql`
        clean up: 2.sql
        rows: 2.sql 3.sql
        transaction: 4.revert.sql 1.revert.sql, ready
    ",
    );
}

#[test]
fn a_backfill_that_has_done_rows_needs_its_file() {
    check(
        "1",
        "
        b 1 -      applied
        c 2 revert rows 5
    ",
        "
        back to `1.sql`
        clean up: 2.sql
        transaction: 2.revert.sql, ready
    ",
    );
    check(
        "1",
        "
        b 1 -      applied
        c 2 -      rows 5
    ",
        "
        not-revertible: no file takes `2.sql` back
        write `2.revert.sql` beside it, or go back less far
    ",
    );
}

#[test]
fn what_is_half_taken_back_goes_on() {
    check(
        "1",
        "
        b 1 -      applied
        b 2 no-txn half 1
        b 3 revert applied
    ",
        "
        back to `1.sql`
        transaction: 3.revert.sql
        outside: 2.revert.sql
    ",
    );
    check(
        "2",
        "
        b 1 -      applied
        b 2 no-txn half 1
    ",
        "
        not-revertible: `2.sql` is half taken back itself
        name one before it, as the run that has begun it did
    ",
    );
}

#[test]
fn what_was_begun_outside_a_transaction_does_not_go_on_inside_one() {
    check(
        "1",
        "
        b 1 -      applied
        b 2 revert half 0
    ",
        "
        back to `1.sql`
        transaction: 2.revert.sql, ready
    ",
    );
    check(
        "1",
        "
        b 1 -      applied
        b 2 revert half 1
        b 3 revert orphan
    ",
        "
        not-revertible: `3.revert.sql` has begun, and the ledger knows no `3.sql` that it takes back
        somebody has changed the ledger; where nothing of `3.revert.sql` is left to do, `DELETE FROM segue.migration WHERE project = 'main' AND file = '3.revert.sql';`
        changed-while-begun: `2.revert.sql` was begun outside a transaction
        bring `-- segue: no-txn` back, and the text of what is done; what follows may be edited
    ",
    );
}

#[test]
fn what_may_have_done_something_is_not_forgotten() {
    check(
        "1",
        "
        b 1 -      applied
        s 2 revert unknown 1
        c 3 -      given-up 5
    ",
        "
        not-revertible: no file takes `3.sql` back
        write `3.revert.sql` beside it, or go back less far
        not-revertible: `2.sql` is half applied: nobody can tell what statement 1 of it has done
        `segue up --done 2.sql:1` goes on after it, `segue up --redo 2.sql:1` runs it again; then it can be taken back
    ",
    );
    check(
        "1",
        "
        b 1 -      applied
        c 2 revert given-up 5
    ",
        "
        back to `1.sql`
        transaction: 2.revert.sql, ready
    ",
    );
}

#[test]
fn all_that_is_in_the_way_is_told() {
    check(
        "1",
        "
        b 1 -      applied
        b 2 -      applied
        s 3 revert begun 2
        c 4 revert running
        b 5 revert gone
    ",
        "
        not-revertible: `5.sql` is applied, and is not in this folder
        bring it back, with the file that takes it back, `5.revert.sql`
        not-revertible: `4.sql` runs now, in pid 7
        wait until it is done, or give it up: `segue abandon 4.sql`
        not-revertible: `3.sql` is half applied: 2 statements of it are done
        `segue up` brings it to its end; then it can be taken back
        not-revertible: no file takes `2.sql` back
        write `2.revert.sql` beside it, or go back less far
    ",
    );
}

#[test]
fn there_is_no_way_back_to_what_is_not_applied() {
    let folder = "
        b 1-users  -      applied
        b 2-orders revert applied
        b 3-late   revert -
    ";
    check(
        "3-late",
        folder,
        "
        not-revertible: `3-late.sql` is not applied, so there is no way back to it
        the last one before it that is applied is `2-orders.sql`
    ",
    );
    check(
        "1-user",
        folder,
        "
        not-revertible: no migration is named `1-user`
        did you mean `1-users.sql`?
        `segue status` lists them; `--to empty` is before all of them
    ",
    );
}

#[test]
fn a_version_means_the_migration_that_brings_it() {
    let mut migration = Migration::example("1.sql", Kind::Batch);
    migration.schema_version = Version::parse("2.1.0").ok();
    let mut history = History::default();
    let record = Record {
        checksum: Checksum([0; 32]),
        state: State::Applied,
        kind: Kind::Batch,
        deployment: Some(1),
        at: String::new(),
        schema_diff: None,
        schema_version: migration.schema_version,
    };
    history.records.insert(migration.name.clone(), record);
    let found = To::find("2.1", &[migration.clone()], &history);
    assert_eq!(found, Ok(To::Migration(migration.name)));
}

#[test]
fn what_stays_and_is_not_done_is_left() {
    check(
        "3",
        "
        b 1 -      applied
        c 2 -      failed
        b 3 -      applied
        b 4 revert applied
    ",
        "
        back to `3.sql`
        left: 2.sql
        transaction: 4.revert.sql, ready
    ",
    );
}
