use super::*;
use crate::history::Deployment;
use crate::migration::{Name, Snapshots};
use crate::plan::{Block, Progress};

fn block() -> Step {
    Step::Block(Block {
        folded: std::collections::BTreeSet::new(),
        migrations: vec![Name::new("1.sql")],
        cut: None,
        brings: None,
        is_last: true,
    })
}

fn tail() -> TailStep {
    TailStep {
        name: Name::new("2.sql"),
        after: Vec::new(),
        snapshots: Snapshots::Waits,
        progress: Progress::Pending,
    }
}

/// Of a batch of blocks and standalone migrations (`bs`), with or without a
/// tail (`t`) and a ready deployment that is not settled (`r`).
fn of(expected: &ExpectedSchema, place: &Place, run: &str) -> Checks {
    let mut history = History::default();
    let mut batch = Vec::new();
    let mut steps = Vec::new();
    for what in run.chars() {
        match what {
            'b' => batch.push(block()),
            's' => batch.push(Step::Standalone(Name::new("3.sql"))),
            't' => steps.push(tail()),
            _ => history.deployments.push(Deployment {
                id: 1,
                state: DeploymentState::Ready,
                migration: None,
                fingerprint: String::new(),
                tail: Vec::new(),
                started_at: String::new(),
                ready_at: Some(String::new()),
                settled_at: None,
                error: None,
                is_held: false,
            }),
        }
    }
    let ready = match batch.last() {
        Some(Step::Block(_)) => Ready::WithLastBlock,
        Some(_) => Ready::AfterBatch,
        None => Ready::Already(1),
    };
    checks(expected, &history, place, &batch, ready, &steps)
}

#[test]
fn moments_follow_from_the_steps() {
    use BeforeReady::{AfterTheBatch, InTheLastTransaction, InTheTransaction};
    let cases = [
        ("b", Some(InTheTransaction), false),
        ("bt", Some(InTheTransaction), true),
        ("bb", Some(InTheLastTransaction), false),
        ("sb", Some(InTheLastTransaction), false),
        ("bs", Some(AfterTheBatch), false),
        ("t", None, true),
        ("r", None, true),
        ("br", Some(InTheTransaction), false),
    ];
    for (run, before_ready, after_tail) in cases {
        let made = Checks::Made {
            before_ready,
            after_tail,
        };
        assert_eq!(
            of(&ExpectedSchema::Present, &Place::Equal, run),
            made,
            "{run}"
        );
    }
    assert_eq!(
        of(&ExpectedSchema::Present, &Place::Equal, ""),
        Checks::Nothing
    );
}

#[test]
fn without_something_to_compare_nothing_is_verified() {
    let missing = vec![Name::new("9.sql")];
    let ahead = Place::Ahead {
        missing: missing.clone(),
    };
    let diverged = Place::Diverged {
        pending: 1,
        missing,
    };
    let others = ExpectedSchema::OtherMajors {
        major: 15,
        there: vec![14],
    };
    let cases = [
        (
            &ExpectedSchema::NotAsked,
            &Place::Equal,
            "bt",
            Checks::Nothing,
        ),
        (
            &ExpectedSchema::Absent,
            &Place::Equal,
            "b",
            Checks::NoExpectedSchema,
        ),
        (&ExpectedSchema::Absent, &ahead, "", Checks::Nothing),
        (&ExpectedSchema::Present, &ahead, "", Checks::Ahead),
        (&ExpectedSchema::Present, &diverged, "b", Checks::Diverged),
        (&others, &ahead, "", Checks::Ahead),
        (&others, &Place::Equal, "", Checks::Nothing),
        (
            &others,
            &Place::Equal,
            "b",
            Checks::OtherMajors {
                major: 15,
                there: vec![14],
            },
        ),
    ];
    for (expected, place, run, checks) in cases {
        assert_eq!(of(expected, place, run), checks, "{run}");
    }
}
