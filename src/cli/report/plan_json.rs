//! A [`Plan`] as JSON, by `docs/json/plan.schema.json`.

use std::time::Duration;

use serde_json::{Value, json};

use super::json::{VERSION, cut};
use super::plan_graph::Link;
use crate::backfill::Backfill;
use crate::history::Progress;
use crate::migration::{Name, Snapshots};
use crate::plan::{
    BeforeReady, Checks, CutReason, Fact, LedgerOf, Needs, Plan, Ready, Step, StrongLocks, TailStep,
};

/// The plan; `edges` are those that touch it.
pub(crate) fn plan(plan: &Plan, links: &[Link]) -> Value {
    let not_ready_before: Vec<Value> = plan
        .not_ready_before()
        .map(|(concurrent, needed_by)| {
            json!({ "migration": concurrent.as_str(), "needed_by": needed_by.as_str() })
        })
        .collect();
    let edges: Vec<Value> = links
        .iter()
        .map(|link| {
            json!({
                "before": link.before.as_str(),
                "after": link.after.as_str(),
                "why": link.why(),
            })
        })
        .collect();
    json!({
        "version": VERSION,
        "project": plan.project,
        "place": {
            "state": plan.place.as_str(),
            "missing": names(plan.place.missing()),
        },
        "facts": plan.facts.iter().map(fact).collect::<Vec<_>>(),
        "not_ready_before": not_ready_before,
        "batch": plan.batch.iter().map(step).collect::<Vec<_>>(),
        "ready": ready(plan.ready),
        "tail": plan.tail.iter().map(tail_step).collect::<Vec<_>>(),
        "checks": checks(&plan.checks),
        "edges": edges,
        "absent": plan.absent.as_ref().map(|absent| json!({
            "database": absent.database,
            "made_by": absent.made_by.as_ref().map(Name::as_str),
        })),
        "needs": plan.needs.iter().map(needs).collect::<Vec<_>>(),
        "expanded": plan.expanded.iter().map(expanded).collect::<Vec<_>>(),
        "backfills": plan.backfills.iter().map(backfill).collect::<Vec<_>>(),
        "strong_locks": plan.strong_locks.iter().map(strong_locks).collect::<Vec<_>>(),
    })
}

fn strong_locks(taken: &StrongLocks) -> Value {
    let locks: Vec<Value> = taken
        .locks
        .iter()
        .map(|lock| {
            json!({
                "table": lock.table,
                "mode": lock.mode.as_str(),
                "migration": lock.migration.as_str(),
            })
        })
        .collect();
    json!({ "step": taken.step + 1, "locks": locks })
}

fn needs((name, needs): (&Name, &Needs)) -> Value {
    json!({
        "migration": name.as_str(),
        "connection": needs.connection,
        "variables": needs.variables,
    })
}

fn expanded((name, tables): (&Name, &Vec<String>)) -> Value {
    json!({ "migration": name.as_str(), "tables": tables })
}

fn backfill((name, backfill): (&Name, &Backfill)) -> Value {
    let seconds = |time: Duration| time.as_secs_f64();
    json!({
        "migration": name.as_str(),
        "table": backfill.table.to_string(),
        "key": backfill.key.names().collect::<Vec<_>>(),
        "within_seconds": backfill.within.map(seconds),
        "batch_time_seconds": seconds(backfill.batch_time),
        "pause_seconds": seconds(backfill.pause),
        "quarantine": backfill.quarantine,
    })
}

fn checks(checks: &Checks) -> Value {
    let (state, before_ready, after_tail) = match checks {
        Checks::Nothing => ("nothing", None, false),
        Checks::NoExpectedSchema => ("no-expected-schema", None, false),
        Checks::Ahead => ("ahead", None, false),
        Checks::Diverged => ("diverged", None, false),
        Checks::OtherMajors { .. } => ("other-majors", None, false),
        Checks::Made {
            before_ready,
            after_tail,
        } => ("made", *before_ready, *after_tail),
    };
    let before_ready = before_ready.map(|place| match place {
        BeforeReady::InTheTransaction => "in-the-transaction",
        BeforeReady::InTheLastTransaction => "in-the-last-transaction",
        BeforeReady::AfterTheBatch => "after-the-batch",
    });
    json!({ "state": state, "before_ready": before_ready, "after_tail": after_tail })
}

fn names(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

fn fact(fact: &Fact) -> Value {
    let (code, migrations): (_, Vec<&str>) = match fact {
        Fact::OutOfOrder { pending, .. } => ("out-of-order", vec![pending.as_str()]),
        Fact::Modified(name) => ("modified", vec![name.as_str()]),
        Fact::Missing(missing) => ("missing", names(missing)),
        Fact::Edited(name) => ("edited", vec![name.as_str()]),
        Fact::LeftBegun(name) => ("left-begun", vec![name.as_str()]),
        Fact::Renamed { from, to } => ("renamed", vec![from.as_str(), to.as_str()]),
    };
    json!({ "fact": code, "migrations": migrations, "message": fact.to_string() })
}

/// Name of a reason for a cut.
pub(super) fn cut_reason(reason: CutReason) -> &'static str {
    match reason {
        CutReason::EnumValue => "enum-value",
        CutReason::LockMemory => "lock-memory",
        CutReason::BringsLedger => "brings-ledger",
    }
}

fn record(record: LedgerOf) -> &'static str {
    match record {
        LedgerOf::Segue => "segue",
        LedgerOf::Codd => "codd",
    }
}

fn step(step: &Step) -> Value {
    match step {
        Step::Block(block) => json!({
            "step": "block",
            "migrations": names(&block.migrations),
            "folded": block.folded.iter().map(Name::as_str).collect::<Vec<_>>(),
            "cut": block.cut.as_ref().map(cut),
            "brings": block.brings.map(record),
        }),
        Step::Standalone(name) => json!({
            "step": "standalone",
            "migration": name.as_str(),
        }),
        Step::Foreground {
            concurrent,
            needed_by,
        } => json!({
            "step": "concurrent",
            "migration": concurrent.as_str(),
            "needed_by": needed_by.as_str(),
        }),
        Step::WaitFor {
            concurrent,
            needed_by,
            pid,
        } => json!({
            "step": "wait",
            "migration": concurrent.as_str(),
            "needed_by": needed_by.as_str(),
            "pid": pid,
        }),
    }
}

fn ready(ready: Ready) -> Value {
    let (by, deployment) = match ready {
        Ready::WithLastBlock => ("last-block", None),
        Ready::AfterBatch => ("own-transaction", None),
        Ready::Already(deployment) => ("already", Some(deployment)),
        Ready::Nothing => ("nothing", None),
    };
    json!({ "by": by, "deployment": deployment })
}

fn tail_step(step: &TailStep) -> Value {
    let mut value = json!({
        "migration": step.name.as_str(),
        "after": names(&step.after),
        "snapshots": match step.snapshots {
            Snapshots::Waits => "waits",
            Snapshots::Holds => "holds",
            Snapshots::Brief => "brief",
            Snapshots::Both => "both",
        },
    });
    let (state, pid, error) = progress(&step.progress);
    value["state"] = json!(state);
    value["pid"] = json!(pid);
    value["error"] = json!(error);
    value
}

/// State, pid of the backend that works on it, error.
pub(super) fn progress(progress: &Progress) -> (&'static str, Option<i32>, Option<&str>) {
    match progress {
        Progress::Pending => ("pending", None, None),
        Progress::Running(pid) => ("running", Some(*pid), None),
        Progress::Interrupted => ("interrupted", None, None),
        Progress::Failed(error) => ("failed", None, Some(error)),
        Progress::Applied => ("applied", None, None),
        Progress::Abandoned => ("abandoned", None, None),
    }
}
