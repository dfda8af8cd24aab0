use super::*;
use crate::diagnostic::render::Style;
use crate::plan::{Block, Cut, CutReason, Fact, Ready};

/// Tells events, each at its second; all lines.
fn tell(verbosity: Verbosity, events: &[(u64, Event)]) -> String {
    let mut teller = Teller::new(verbosity);
    let mut text = String::new();
    for (second, event) in events {
        for line in teller.lines(event, Duration::from_secs(*second)) {
            text.push_str(&line.draw(Style::Plain));
            text.push('\n');
        }
    }
    text
}

#[track_caller]
fn check(verbosity: Verbosity, events: &[(u64, Event)], expected: &str) {
    let actual = tell(verbosity, events);
    assert!(
        actual == expected,
        "expected:\n{expected}\nactual:\n{actual}"
    );
}

fn name(text: &str) -> Name {
    Name::new(text)
}

fn planned(names: &[&str], tail: &[&str], facts: Vec<Fact>) -> Event {
    let block = Block {
        folded: std::collections::BTreeSet::new(),
        migrations: names.iter().map(|text| name(text)).collect(),
        cut: None,
        brings: None,
        is_last: true,
    };
    Event::Planned(Box::new(Plan {
        renamed: Vec::new(),
        project: "main".to_owned(),
        place: Place::Behind {
            pending: names.len() + tail.len(),
        },
        facts,
        batch: vec![Step::Block(block)],
        ready: Ready::WithLastBlock,
        tail: tail
            .iter()
            .map(|text| crate::plan::TailStep {
                name: name(text),
                after: Vec::new(),
                snapshots: crate::migration::Snapshots::Waits,
                progress: crate::history::Progress::Pending,
            })
            .collect(),
        needs: std::collections::BTreeMap::new(),
        absent: None,
        expanded: std::collections::BTreeMap::new(),
        backfills: std::collections::BTreeMap::new(),
        strong_locks: Vec::new(),
        checks: crate::plan::Checks::Nothing,
    }))
}

fn ran(text: &str) -> Event {
    Event::MigrationRan {
        name: name(text),
        kind: Kind::Batch,
        statements: 1,
        duration: Duration::from_millis(3),
    }
}

fn blocker(pid: i32) -> Blocker {
    Blocker {
        pid,
        user: Some("app".to_owned()),
        ..Blocker::default()
    }
}

#[test]
fn a_deployment_with_a_tail() {
    let progress = |done| Event::Progress {
        name: name("2-c.sql"),
        phase: "building index: scanning table".to_owned(),
        done: Some(done),
        total: Some(20_000),
    };
    check(
        Verbosity::Normal,
        &[
            (0, planned(&["1.sql"], &["2-c.sql"], Vec::new())),
            (0, Event::LedgerCreated),
            (0, Event::DeploymentBegan { deployment: 42 }),
            (
                0,
                Event::BlockBegan {
                    migrations: 1,
                    attempt: 1,
                },
            ),
            (0, ran("1.sql")),
            (
                0,
                Event::BlockCommitted {
                    migrations: 1,
                    duration: Duration::from_millis(12),
                },
            ),
            (
                0,
                Event::Ready {
                    deployment: 42,
                    after: Duration::from_millis(31),
                    again: false,
                    schema_version: None,
                },
            ),
            (
                0,
                Event::TailBegan {
                    names: vec![name("2-c.sql")],
                },
            ),
            (
                0,
                Event::MigrationBegan {
                    name: name("2-c.sql"),
                    kind: Kind::Concurrent,
                    pid: 77,
                },
            ),
            (0, progress(0)),
            (1, progress(100)),
            (2, progress(4000)),
            (
                3,
                Event::MigrationDone {
                    name: name("2-c.sql"),
                    duration: Duration::from_secs(3),
                },
            ),
            (
                3,
                Event::Settled {
                    deployment: 42,
                    after: Duration::from_millis(3100),
                },
            ),
        ],
        "     Planned 1 migration in one transaction, then 1 concurrent migration
     Created the ledger, in namespace segue
         Ran `1.sql`, 1 statement in 3ms
   Committed 1 migration in 12ms
       Ready after 31ms (deployment 42)
        Tail 1 concurrent migration: `2-c.sql`
     Running `2-c.sql` (pid 77)
    Progress `2-c.sql`: building index: scanning table, 0% (0 of 20,000)
    Progress `2-c.sql`: building index: scanning table, 20% (4,000 of 20,000), 2,000/s, 8s left
    Finished `2-c.sql` in 3s
     Settled after 3.1s (deployment 42)
",
    );
}

#[test]
fn a_wait_is_told_once_for_each_session_that_is_waited_for() {
    let waiting = |pid| Event::WaitingForLock {
        relation: Some("orders".to_owned()),
        lock: Some("relation".to_owned()),
        blockers: vec![blocker(pid)],
    };
    let retried = |attempt| Event::BlockRetried {
        attempt,
        name: Some(name("1.sql")),
        cause: "canceling statement due to lock timeout".to_owned(),
        pause: Duration::from_secs(1),
    };
    check(
        Verbosity::Normal,
        &[
            (0, retried(1)),
            (0, waiting(7)),
            (1, retried(2)),
            (1, waiting(7)),
            (2, retried(3)),
            (2, waiting(8)),
            (12, retried(13)),
        ],
        "    Retrying the block in 1s, after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout
     Waiting for a lock on `orders`, held by pid 7 (app)
             ended by its own COMMIT, or by `SELECT pg_terminate_backend(7)`
      Hidden are state, age and statement of other roles' sessions
             `GRANT pg_read_all_stats TO ROLE`, for the role that segue connects as, shows them
     Waiting for a lock on `orders`, held by pid 8 (app)
             ended by its own COMMIT, or by `SELECT pg_terminate_backend(8)`
    Retrying the block in 1s, after try 13 was rolled back in `1.sql`: canceling statement due to lock timeout
",
    );
}

#[test]
fn what_readiness_depends_on_comes_first() {
    let Event::Planned(mut plan) = planned(&["3-e.sql"], &[], vec![Fact::Modified(name("0.sql"))])
    else {
        unreachable!("just planned")
    };
    plan.batch.insert(
        0,
        Step::Foreground {
            concurrent: name("2-c.sql"),
            needed_by: name("3-e.sql"),
        },
    );
    check(
        Verbosity::Normal,
        &[
            (0, Event::Planned(plan)),
            (9, planned(&["3-e.sql"], &[], Vec::new())),
        ],
        "   Not ready before `2-c.sql` is done, because `3-e.sql` needs it
        Note the text of `0.sql` has changed since it was applied
     Planned 1 migration in one transaction, 1 concurrent migration before ready
Planned anew 1 migration in one transaction
",
    );
}

#[test]
fn trouble_at_commit_is_told() {
    let waits = Event::CommitWaits {
        pid: 77,
        wait_event: Some("IPC/SyncRep".to_owned()),
    };
    check(
        Verbosity::Normal,
        &[
            (
                0,
                Event::BlockCut {
                    cut: Cut {
                        before: name("2.sql"),
                        reason: CutReason::LockMemory,
                    },
                },
            ),
            (1, waits.clone()),
            (3, waits),
            (
                4,
                Event::ConnectionLost {
                    reason: "connection closed".to_owned(),
                },
            ),
            (5, Event::CommitResolved { committed: true }),
        ],
        "         Cut before `2.sql`: the server's lock table is full; a higher `max_locks_per_transaction` would keep it one transaction; the block was rolled back and runs as two transactions
     Waiting COMMIT was sent; pid 77 waits for a synchronous standby to confirm (SyncRep)
Reconnecting the connection was lost (connection closed); what stands is read again first
    Resolved the lost COMMIT did happen
",
    );
}

#[test]
fn a_long_block_is_not_told_name_by_name() {
    let mut events = vec![(
        0,
        Event::BlockBegan {
            migrations: 30,
            attempt: 1,
        },
    )];
    events.extend((0..30).map(|second| (second, ran("m.sql"))));
    check(
        Verbosity::Normal,
        &events,
        "     Running 11 of 30 migrations, now `m.sql`
     Running 21 of 30 migrations, now `m.sql`
",
    );
    assert_eq!(tell(Verbosity::Verbose, &events).lines().count(), 31);
}

#[test]
fn notices_are_for_the_curious_and_warnings_for_all() {
    let message = |sqlstate: &str, text: &str| Event::Notice {
        name: Some(name("1.sql")),
        notice: ServerError {
            severity: "HINWEIS".to_owned(),
            is_fatal: false,
            sqlstate: sqlstate.to_owned(),
            message: text.to_owned(),
            detail: None,
            hint: Some("look here".to_owned()),
            context: None,
            position: None,
            constraint: None,
        },
    };
    let both = [
        (0, message("00000", "so far so good")),
        (0, message("01000", "beware")),
    ];
    check(
        Verbosity::Normal,
        &both,
        "     Warning `1.sql`: beware\n             look here\n",
    );
    check(
        Verbosity::Verbose,
        &both,
        "      Notice `1.sql`: so far so good\n             look here\n     Warning `1.sql`: beware\n             look here\n",
    );
    check(Verbosity::Quiet, &[(0, Event::LedgerCreated)], "");
}
