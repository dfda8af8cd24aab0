//! The planner, row by row: partner, concurrent and ending migration in each
//! combination of states.

use std::sync::Arc;

use super::*;
use crate::history::{Deployment, LockKey, Record, State};
use crate::migration::{Checksum, Item, Named, Outline, Relations};
use crate::statement::Brings;
use crate::statement::{Fingerprint, RelationName, digest};
use crate::text::{Source, Span};

mod brought;
use brought::bringing;

mod facts;
mod fold;

const PID: i32 = 7;

/// A folder from lines like `c with p`, `e ends c d`, `m touches t`,
/// `s standalone`, `v enum`, `c with p folds`; `makes t`, `renames t` and
/// `indexes t` make a new table, give an old one its name, build an index.
fn folder(text: &str) -> Vec<Migration> {
    text.split(',')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().expect("a name");
            let mut migration = Migration {
                source: Arc::new(Source::new(name, "-- header\n")),
                checksum: Checksum([1; 32]),
                ..Migration::example(name, Kind::Batch)
            };
            let mut relations = Relations::default();
            let mut outline = Outline::default();
            let mut mode = "";
            for word in words {
                let named = || Named {
                    name: Name::new(word),
                    span: Span::new(3, 9),
                };
                match (mode, word) {
                    (_, "with" | "ends" | "touches" | "makes" | "renames" | "indexes") => {
                        mode = word;
                    }
                    (_, "folds") => outline.folds = true,
                    (_, "moves") => relations.moves = true,
                    (_, "standalone") => migration.kind = Kind::Standalone,
                    (_, "enum") => outline.adds_enum_value = true,
                    (_, "tables") => outline.brings.push(bringing(Brings::LedgerTables)),
                    (_, "rows") => outline.brings.push(bringing(Brings::LedgerRows)),
                    (_, "codd") => outline.brings.push(bringing(Brings::CoddRows)),
                    ("with", _) => {
                        migration.kind = Kind::Concurrent;
                        migration.partner = Some(named());
                    }
                    ("ends", _) => migration.ends.push(named()),
                    ("touches", _) => {
                        relations.touches.insert(word.to_owned());
                    }
                    ("makes", _) => {
                        relations.touches.insert(word.to_owned());
                        relations.creates.insert(relation(word));
                    }
                    ("renames", _) => {
                        relations.touches.insert(word.to_owned());
                        relations.adopts.insert(word.to_owned());
                    }
                    ("indexes", _) => {
                        let sql = format!("CREATE INDEX CONCURRENTLY ON {word} (a)");
                        relations.touches.insert(relation(word).name);
                        outline.items.push(Item {
                            fingerprint: Fingerprint::of(&sql),
                            span: Span::new(0, 0),
                            line: 1,
                            digest: digest(&sql),
                        });
                    }
                    _ => panic!("{word}?"),
                }
            }
            outline.relations = Some(relations);
            migration.outline = Some(outline);
            migration
        })
        .collect()
}

/// `t` or `namespace.t`.
fn relation(name: &str) -> RelationName {
    match name.split_once('.') {
        Some((namespace, name)) => RelationName::qualified(namespace, name),
        None => RelationName::bare(name),
    }
}

/// A history from lines like `p applied`, `c failed`, `c running`,
/// `c interrupted`, `c abandoned`, `x edited` (applied with another text), and
/// `ready` or `settled` for the deployment that applied all of it; `empty` of a
/// database without relations.
fn history(text: &str, folder: &[Migration]) -> History {
    let mut history = History {
        ledger: Some(1),
        has_user_relations: true,
        ..History::default()
    };
    for line in text
        .split(',')
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (name, state) = line.split_once(' ').unwrap_or(("", line));
        let name = Name::new(name);
        let kind = folder
            .iter()
            .find(|migration| migration.name == name)
            .map_or(Kind::Batch, |migration| migration.kind);
        let mut add = |state, byte| {
            history.records.insert(
                name.clone(),
                Record {
                    checksum: Checksum([byte; 32]),
                    state,
                    kind,
                    deployment: Some(1),
                    at: String::new(),
                    schema_diff: None,
                    schema_version: None,
                },
            );
        };
        match state {
            "empty" => history.has_user_relations = false,
            "applied" => add(State::Applied, 1),
            "edited" => add(State::Applied, 2),
            "abandoned" => add(State::Abandoned, 1),
            "failed" => add(State::Failed("why".to_owned()), 1),
            "interrupted" => add(State::Begun, 1),
            "running" => {
                add(State::Begun, 1);
                history.locks.insert(LockKey::migration("main", &name), PID);
            }
            "ready" | "settled" | "broken" => history.deployments.push(Deployment {
                id: 1,
                state: match state {
                    "ready" => DeploymentState::Ready,
                    "settled" => DeploymentState::Settled,
                    _ => DeploymentState::Failed,
                },
                migration: None,
                fingerprint: String::new(),
                tail: folder
                    .iter()
                    .filter(|one| one.kind == Kind::Concurrent)
                    .map(|one| one.name.clone())
                    .collect(),
                started_at: String::new(),
                ready_at: (state != "broken").then(String::new),
                settled_at: None,
                error: None,
                is_held: false,
            }),
            _ => panic!("{state}?"),
        }
    }
    history
}

fn show(plan: &Plan) -> String {
    let mut lines = vec![plan.place.as_str().to_owned()];
    lines.extend(plan.facts.iter().map(|fact| format!("fact: {fact}")));
    for step in &plan.batch {
        lines.push(match step {
            Step::Block(block) => {
                let shown = |name: &Name| {
                    let mark = if block.folded.contains(name) { "*" } else { "" };
                    format!("{name}{mark}")
                };
                let names: Vec<_> = block.migrations.iter().map(shown).collect();
                let cut = block
                    .cut
                    .as_ref()
                    .map_or(String::new(), |cut| format!(" cut by {:?}", cut.reason));
                let last = if block.is_last { " last" } else { "" };
                format!("block {}{cut}{last}", names.join(" "))
            }
            Step::Standalone(name) => format!("standalone {name}"),
            Step::Foreground {
                concurrent,
                needed_by,
            } => format!("foreground {concurrent} for {needed_by}"),
            Step::WaitFor {
                concurrent,
                needed_by,
                pid,
            } => format!("wait for {concurrent} of {pid} for {needed_by}"),
        });
    }
    lines.push(
        match plan.ready {
            Ready::WithLastBlock => "ready by commit",
            Ready::AfterBatch => "ready after",
            Ready::Already(_) => "ready already",
            Ready::Nothing => "nothing",
        }
        .to_owned(),
    );
    for step in &plan.tail {
        let after: Vec<_> = step.after.iter().map(Name::as_str).collect();
        let after = if after.is_empty() {
            String::new()
        } else {
            format!(" after {}", after.join(" "))
        };
        lines.push(format!("tail {} {:?}{after}", step.name, step.progress));
    }
    lines.join("; ")
}

fn outcome(folder_text: &str, history_text: &str, options: &Options) -> String {
    let folder = folder(folder_text);
    let history = history(history_text, &folder);
    let errors = |diagnostics: Vec<Diagnostic>| {
        let errors: Vec<String> = diagnostics
            .iter()
            .map(|one| format!("error[{}]: {}", one.code, one.message))
            .collect();
        errors.join("; ")
    };
    let (graph, diagnostics) = Graph::new(folder, &history);
    if !diagnostics.is_empty() {
        return errors(diagnostics);
    }
    match Plan::new(&graph, &history, "main", options) {
        Ok(plan) => show(&plan),
        Err(diagnostics) => errors(diagnostics),
    }
}

#[track_caller]
fn check(folder: &str, history: &str, expected: &str) {
    let options = Options::default();
    assert_eq!(outcome(folder, history, &options), expected);
}

#[test]
fn partner_and_concurrent_pending() {
    check(
        "ap, c with ap",
        "",
        "behind; block ap last; ready by commit; tail c Pending",
    );
}

#[test]
fn a_partner_may_have_several() {
    check(
        "ap, c with ap, d with ap",
        "",
        "behind; block ap last; ready by commit; tail c Pending; tail d Pending",
    );
}

#[test]
fn concurrent_alone() {
    check(
        "ap, c with ap",
        "ap applied, settled",
        "behind; ready after; tail c Pending",
    );
    check(
        "ap, c with ap",
        "ap applied, ready",
        "behind; ready already; tail c Pending",
    );
    check(
        "ap, c with ap, q",
        "ap applied, ready",
        "behind; block q last; ready by commit; tail c Pending",
    );
    // The file of an applied partner may be gone.
    check(
        "c with ap",
        "ap applied, settled",
        "diverged; fact: applied, but not in this folder: `ap`; ready after; tail c Pending",
    );
}

#[test]
fn concurrent_after_a_failed_or_interrupted_try() {
    check(
        "ap, c with ap",
        "ap applied, c failed, ready",
        "behind; ready already; tail c Failed(\"why\")",
    );
    check(
        "ap, c with ap",
        "ap applied, c interrupted, ready",
        "behind; ready already; tail c Interrupted",
    );
}

#[test]
fn concurrent_runs_elsewhere() {
    check(
        "ap, c with ap",
        "ap applied, c running, ready",
        "behind; ready already; tail c Running(7)",
    );
    check(
        "ap, c with ap, q",
        "ap applied, c running, ready",
        "behind; block q last; ready by commit; tail c Running(7)",
    );
}

#[test]
fn ending_alone() {
    check(
        "ap, c with ap, e ends c",
        "ap applied, c applied, settled",
        "behind; block e last; ready by commit",
    );
    // Their files may be gone.
    check(
        "e ends c",
        "ap applied, c applied, settled",
        "diverged; fact: applied, but not in this folder: `ap`, `c`; block e last; ready by commit",
    );
}

#[test]
fn concurrent_and_ending() {
    check(
        "ap, c with ap, e ends c",
        "",
        "behind; block ap; foreground c for e; block e last; ready by commit",
    );
    check(
        "ap, c with ap, e ends c",
        "ap applied, settled",
        "behind; foreground c for e; block e last; ready by commit",
    );
    check(
        "ap, c with ap, e ends c",
        "ap applied, c failed, ready",
        "behind; foreground c for e; block e last; ready by commit",
    );
    check(
        "ap, c with ap, e ends c",
        "ap applied, c interrupted, ready",
        "behind; foreground c for e; block e last; ready by commit",
    );
}

#[test]
fn what_a_foreground_migration_does_not_need_comes_after_it() {
    check(
        "a, ap, b, c with ap touches t, e ends c",
        "",
        "behind; block a ap; foreground c for e; block b e last; ready by commit",
    );
    check(
        "ap, b touches t, c with ap touches t, e ends c",
        "",
        "behind; block ap b; foreground c for e; block e last; ready by commit",
    );
    check(
        "a, c with 0 touches t, e ends c",
        "0 applied, settled",
        "diverged; fact: applied, but not in this folder: `0`; foreground c for e; block a e last; ready by commit",
    );
}

#[test]
fn the_first_pending_ending_decides() {
    check(
        "ap, c with ap, e ends c, f ends c",
        "",
        "behind; block ap; foreground c for e; block e f last; ready by commit",
    );
    check(
        "ap, c with ap, e ends c, f ends c",
        "ap applied, c applied, e applied, settled",
        "behind; block f last; ready by commit",
    );
}

#[test]
fn one_ending_of_several() {
    check(
        "ap, c with ap, d with ap, e ends c d",
        "",
        "behind; block ap; foreground c for e; foreground d for e; block e last; ready by commit",
    );
    check(
        "ap, c with ap, d with ap, e ends d",
        "",
        "behind; block ap; foreground d for e; block e last; ready by commit; tail c Pending",
    );
}

#[test]
fn ending_while_concurrent_runs_elsewhere() {
    check(
        "ap, c with ap, e ends c, z",
        "ap applied, c running, ready",
        "behind; wait for c of 7 for e; block e z last; ready by commit",
    );
}

#[test]
fn everything_done() {
    check(
        "ap, c with ap, e ends c",
        "ap applied, c applied, e applied, settled",
        "equal; ready already",
    );
    check(
        "ap, c with ap",
        "ap applied, c abandoned, settled",
        "equal; ready already",
    );
    check("", "", "equal; nothing");
}

#[test]
fn states_that_no_run_leads_to_have_names() {
    check(
        "ap, c with ap, e ends c",
        "ap applied, e applied, settled",
        "error[ended-before-done]: `e` is applied, but the concurrent migration that it ends, `c`, is not",
    );
    check(
        "ap, c with ap, e ends c",
        "ap applied, c abandoned, settled",
        "error[ends-abandoned]: `e` needs `c`, which was abandoned",
    );
    check(
        "ap, c with ap",
        "c applied",
        "error[partner-not-applied]: `c` has run, but its partner, `ap`, is not applied",
    );
    check(
        "ap, c with ap",
        "c running",
        "error[partner-not-applied]: `c` has run, but its partner, `ap`, is not applied",
    );
}

#[test]
fn names_in_directives_are_checked() {
    check(
        "c with ap",
        "",
        "error[unknown-migration]: no migration is named `ap`",
    );
    check(
        "e ends c",
        "",
        "error[unknown-migration]: no migration is named `c`",
    );
    check(
        "c with z, z",
        "",
        "error[later-migration]: `z` comes after the migration that names it",
    );
    check(
        "ap ends ap",
        "",
        "error[later-migration]: a migration cannot name itself",
    );
    check(
        "ap, q ends ap",
        "",
        "error[wrong-kind]: `ap` is not a concurrent migration",
    );
    check(
        "ap, c with ap, d with c",
        "",
        "error[wrong-kind]: `c` is a concurrent migration itself",
    );
    // What an applied one names is not held against it.
    check("e ends c", "e applied, settled", "equal; ready already");
}

#[test]
fn blocks_end_where_they_must() {
    check(
        "a, s standalone, t",
        "",
        "behind; block a; standalone s; block t last; ready by commit",
    );
    check(
        "a, s standalone",
        "",
        "behind; block a; standalone s; ready after",
    );
    check(
        "a enum, b",
        "",
        "behind; block a cut by EnumValue; block b last; ready by commit",
    );
    check("a, b enum", "", "behind; block a b last; ready by commit");
}

#[test]
fn cuts_found_while_running_are_kept() {
    let cut = Cut {
        before: Name::new("b"),
        reason: CutReason::LockMemory,
    };
    let options = Options {
        cuts: BTreeSet::from([cut]),
        ..Options::default()
    };
    assert_eq!(
        outcome("a, b, c", "", &options),
        "behind; block a cut by LockMemory; block b c last; ready by commit"
    );
}

#[test]
fn members_of_the_tail_that_meet_run_one_by_one() {
    check(
        "ap, c with ap touches t, d with ap touches t, f with ap touches u",
        "ap applied, settled",
        "behind; ready after; tail c Pending; tail d Pending after c; tail f Pending",
    );
}

#[test]
fn a_failed_deployment_is_made_good_by_an_announcement() {
    check("a", "a applied, broken", "equal; ready after");
}

#[test]
fn planning_is_total_over_the_states_of_a_triple() {
    let states = [
        "",
        "applied",
        "failed",
        "interrupted",
        "running",
        "abandoned",
    ];
    let files = [("ap", "ap"), ("c", "c with ap"), ("e", "e ends c")];
    for chosen in 0..8_usize {
        for p in states {
            for c in states {
                for e in states {
                    let folder: Vec<&str> = files
                        .iter()
                        .enumerate()
                        .filter(|(index, _)| chosen & (1 << index) != 0)
                        .map(|(_, (_, text))| *text)
                        .collect();
                    let history: Vec<String> = [("ap", p), ("c", c), ("e", e)]
                        .iter()
                        .filter(|(_, state)| !state.is_empty())
                        .map(|(name, state)| format!("{name} {state}"))
                        .collect();
                    let answer =
                        outcome(&folder.join(", "), &history.join(", "), &Options::default());
                    assert!(!answer.is_empty(), "{folder:?} {history:?}");
                }
            }
        }
    }
}
