use super::plan;
use crate::cli::report::plan_graph::{Link, dot, mermaid};
use crate::cli::report::plan_json;
use crate::graph::Edge;
use crate::history::Progress;
use crate::migration::{Name, Snapshots};
use crate::plan::{
    BeforeReady, Block, Checks, Cut, CutReason, Fact, Place, Plan, Ready, Step, StrongLock,
    StrongLocks, TailStep,
};
use crate::statement::LockMode;

fn name(text: &str) -> Name {
    Name::new(text)
}

fn block(names: &[&str], cut: Option<Cut>, is_last: bool) -> Step {
    Step::Block(Block {
        folded: std::collections::BTreeSet::new(),
        migrations: names.iter().map(|text| name(text)).collect(),
        cut,
        brings: None,
        is_last,
    })
}

fn tail(text: &str, after: &[&str], progress: Progress) -> TailStep {
    TailStep {
        name: name(text),
        after: after.iter().map(|text| name(text)).collect(),
        snapshots: Snapshots::Waits,
        progress,
    }
}

/// A deployment with everything in it.
fn full() -> Plan {
    Plan {
        renamed: Vec::new(),
        backfills: std::collections::BTreeMap::new(),
        project: "main".to_owned(),
        place: Place::Behind { pending: 8 },
        facts: vec![Fact::Modified(name("0.sql"))],
        batch: vec![
            block(
                &["1.sql", "2.sql"],
                Some(Cut {
                    before: name("3.sql"),
                    reason: CutReason::EnumValue,
                }),
                false,
            ),
            block(&["3.sql"], None, false),
            Step::Standalone(name("4.sql")),
            Step::Foreground {
                concurrent: name("5-c.sql"),
                needed_by: name("6-e.sql"),
            },
            block(&["6-e.sql"], None, true),
        ],
        ready: Ready::WithLastBlock,
        tail: vec![
            tail("7-c.sql", &[], Progress::Failed("could not".to_owned())),
            tail("8-c.sql", &["7-c.sql"], Progress::Pending),
        ],
        needs: std::collections::BTreeMap::new(),
        absent: None,
        expanded: [(name("8-c.sql"), vec!["app.p".to_owned()])].into(),
        strong_locks: vec![StrongLocks {
            step: 1,
            locks: ["orders", "users"]
                .map(|table| StrongLock {
                    table: table.to_owned(),
                    mode: LockMode::AccessExclusive,
                    migration: name("3.sql"),
                })
                .into(),
        }],
        checks: Checks::Made {
            before_ready: Some(BeforeReady::InTheLastTransaction),
            after_tail: true,
        },
    }
}

fn links() -> Vec<Link> {
    let link = |before, after, edge| Link {
        before: name(before),
        after: name(after),
        edge,
    };
    vec![
        link("1.sql", "2.sql", Edge::Order),
        link("0.sql", "5-c.sql", Edge::Begin),
        link("5-c.sql", "6-e.sql", Edge::End),
        link("7-c.sql", "8-c.sql", Edge::Meets),
    ]
}

#[track_caller]
fn check(actual: &str, expected: &str) {
    assert!(
        actual == expected,
        "expected:\n{expected}\nactual:\n{actual}"
    );
}

#[test]
fn a_plan_reads_from_the_first_step_to_the_last() {
    check(
        &plan(&full()),
        "\
Not ready before `5-c.sql` is done, because `6-e.sql` needs it.
Project `main`: 8 migrations pending.
Note: the text of `0.sql` has changed since it was applied.
Warning: the transaction of step 2 locks several busy tables at once, each until its COMMIT: `orders` (ACCESS EXCLUSIVE) and `users` (ACCESS EXCLUSIVE), by `3.sql`; to lock one at a time, deploy them one after the other.

Batch
  1. one transaction, 2 migrations
       1.sql
       2.sql
     cut before `3.sql`: an enum value that was added cannot be used before it is committed
  2. one transaction
       3.sql
  3. outside a transaction
       4.sql
  4. concurrent, before ready because `6-e.sql` needs it; then plan again
       5-c.sql
  5. one transaction
       6-e.sql

Ready by the COMMIT of step 5.

Tail
  7-c.sql, failed: could not
  8-c.sql, after `7-c.sql`, on `app.p` partition by partition

The schema is verified before the last COMMIT, which a mismatch turns into a rollback, and after the tail.
",
    );
}

#[test]
fn an_older_folder_is_told_what_it_lacks() {
    let ahead = Plan {
        place: Place::Ahead {
            missing: vec![name("9.sql")],
        },
        facts: vec![Fact::Missing(vec![name("9.sql")])],
        batch: Vec::new(),
        ready: Ready::Already(7),
        tail: Vec::new(),
        checks: Checks::Ahead,
        strong_locks: Vec::new(),
        ..full()
    };
    check(
        &plan(&ahead),
        "\
Project `main`: nothing pending; the database is ahead by 1 migration that this folder lacks: `9.sql`.

Ready already, since deployment 7.

The schema is not verified: the database is ahead of this folder.
",
    );
}

#[test]
fn an_empty_folder_has_nothing_to_apply() {
    let empty = Plan {
        place: Place::Equal,
        facts: Vec::new(),
        batch: Vec::new(),
        ready: Ready::Nothing,
        tail: Vec::new(),
        checks: Checks::Nothing,
        strong_locks: Vec::new(),
        ..full()
    };
    check(
        &plan(&empty),
        "\
Project `main`: nothing pending.

There is nothing to apply.
",
    );
}

#[test]
fn a_wait_names_the_session() {
    let waiting = Plan {
        facts: Vec::new(),
        batch: vec![Step::WaitFor {
            concurrent: name("5-c.sql"),
            needed_by: name("6-e.sql"),
            pid: 77,
        }],
        ready: Ready::AfterBatch,
        tail: vec![tail("7-c.sql", &[], Progress::Running(78))],
        place: Place::Diverged {
            pending: 3,
            missing: vec![name("4.sql"), name("4b.sql")],
        },
        checks: Checks::Diverged,
        strong_locks: Vec::new(),
        ..full()
    };
    check(
        &plan(&waiting),
        "\
Not ready before `5-c.sql` is done, because `6-e.sql` needs it.
Project `main`: 3 migrations pending, and the database has 2 migrations that this folder lacks: `4.sql` and `4b.sql`.

Batch
  1. wait for pid 77 to finish it, because `6-e.sql` needs it; then plan again
       5-c.sql

Ready when its last step is done.

Tail
  7-c.sql, runs as pid 78

The schema is not verified: what this folder lacks is in no expected schema.
",
    );
}

#[test]
fn mermaid_shows_steps_and_tail() {
    check(
        &mermaid(&full(), &links()),
        "\
flowchart TD
  m9[\"0.sql\"]:::applied
  subgraph step1[\"step 1: one transaction\"]
    m1[\"1.sql\"]
    m2[\"2.sql\"]
  end
  subgraph step2[\"step 2: one transaction\"]
    m3[\"3.sql\"]
  end
  subgraph step3[\"step 3: outside a transaction\"]
    m4[\"4.sql\"]
  end
  subgraph step4[\"step 4: concurrent, before ready\"]
    m5[\"5-c.sql\"]
  end
  subgraph step5[\"step 5: one transaction\"]
    m6[\"6-e.sql\"]
  end
  subgraph tail[\"tail, after ready\"]
    m7[\"7-c.sql\"]
    m8[\"8-c.sql\"]
  end
  ready([verified, ready])
  m6 ==> ready
  m1 --> m2
  m9 -- \"begins\" --> m5
  m5 -- \"ended by\" --> m6
  m7 -- \"same table\" --> m8
  ready -.-> m7
  ready -.-> m8
  classDef applied stroke-dasharray: 4
",
    );
}

#[test]
fn dot_shows_steps_and_tail() {
    let small = Plan {
        batch: vec![block(&["say \"1\".sql"], None, true)],
        tail: vec![tail("2-c.sql", &[], Progress::Pending)],
        ..full()
    };
    let links = [Link {
        before: name("say \"1\".sql"),
        after: name("2-c.sql"),
        edge: Edge::Begin,
    }];
    check(
        &dot(&small, &links),
        "\
digraph plan {
  node [shape=box];
  subgraph cluster_step1 {
    label=\"step 1: one transaction\";
    m2 [label=\"say \\\"1\\\".sql\"];
  }
  subgraph cluster_tail {
    label=\"tail, after ready\";
    m1 [label=\"2-c.sql\"];
  }
  ready [shape=oval, label=\"verified, ready\"];
  m2 -> ready [style=bold];
  m2 -> m1 [label=\"begins\"];
  ready -> m1 [style=dashed];
}
",
    );
}

#[test]
fn json_follows_its_schema() {
    crate::cli::report::schema::check("plan", &plan_json::plan(&full(), &links()));
}
