//! What is told, as JSON: one object per event. The shapes
//! are those of `docs/json/event.schema.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::backfill;
use super::mismatch::{EXPECTED, SETTLED};
use super::plan_json;
use super::schema_diff::{self, Sides};
use crate::apply::Event;
use crate::apply::check::Stage;
use crate::cli::error::Error;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::to_json;
use crate::migration::Name;
use crate::plan::{Cut, OnConflict, Step};
use crate::postgres::ServerError;
use crate::postgres::activity::Blocker;
use crate::schema::{Diff, ObjectId};
use crate::verify::Blind;

pub(crate) use crate::status::JSON_VERSION as VERSION;
use crate::status::View;

/// Where a server listens.
pub(crate) fn listening(http: SocketAddr, agent: Option<SocketAddr>) -> Value {
    json!({
        "event": "listening",
        "http": http.to_string(),
        "agent": agent.map(|agent| agent.to_string()),
    })
}

/// What a server shows now.
pub(crate) fn served(view: &View) -> Value {
    json!({
        "event": "served",
        "project": view.project,
        "served": view.summary(),
    })
}

fn strings(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

/// An event, without its time.
#[expect(
    clippy::too_many_lines,
    reason = "one arm per event, each a few fields: a table"
)]
pub(crate) fn event(event: &Event) -> Value {
    match event {
        Event::Planned(plan) => json!({
            "event": "planned",
            "plan": plan_json::plan(plan, &[]),
        }),
        Event::ReversalPlanned {
            reversal,
            is_unverified,
        } => json!({
            "event": "reversal-planned",
            "to": reversal.to.name().map(Name::as_str),
            "reverted": strings(&reversal.names),
            "open": strings(&reversal.open),
            "rows": strings(&reversal.rows),
            "steps": reversal
                .steps
                .iter()
                .map(|step| json!({
                    "kind": match step {
                        Step::Standalone(_) => "standalone",
                        _ => "block",
                    },
                    "files": strings(step.names()),
                }))
                .collect::<Vec<_>>(),
            "facts": reversal.facts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "unverified": is_unverified,
        }),
        Event::RowsReverted { names } => json!({
            "event": "rows-reverted",
            "migrations": strings(names),
        }),
        Event::LedgerCreated => json!({ "event": "ledger-created" }),
        Event::LedgerBrought { name, applied } => json!({
            "event": "ledger-brought",
            "migration": name.as_str(),
            "applied": applied,
        }),
        Event::WaitingForBatch { holder } => json!({
            "event": "waiting-for-batch",
            "holder": blocker(holder),
        }),
        Event::DeploymentBegan { deployment } => json!({
            "event": "deployment-began",
            "deployment": deployment,
        }),
        Event::BlockBegan {
            migrations,
            attempt,
        } => json!({
            "event": "block-began",
            "migrations": migrations,
            "attempt": attempt,
        }),
        Event::MigrationRan {
            name,
            kind: ran,
            statements,
            duration,
        } => json!({
            "event": "migration-ran",
            "migration": name.as_str(),
            "kind": ran.as_str(),
            "statements": statements,
            "duration_ms": milliseconds(*duration),
        }),
        Event::RoleMade { role } => json!({
            "event": "role-made",
            "role": role,
        }),
        Event::WaitingForLock {
            relation,
            lock,
            blockers,
        } => json!({
            "event": "waiting-for-lock",
            "relation": relation,
            "lock": lock,
            "blockers": list(blockers),
        }),
        Event::BlockRetried {
            attempt,
            name,
            cause,
            pause,
        } => json!({
            "event": "block-retried",
            "attempt": attempt,
            "migration": name.as_ref().map(Name::as_str),
            "cause": cause,
            "pause_ms": milliseconds(*pause),
        }),
        Event::StatementRetried {
            name,
            number,
            attempt,
            cause,
            pause,
        } => json!({
            "event": "statement-retried",
            "migration": name.as_str(),
            "number": number,
            "attempt": attempt,
            "cause": cause,
            "pause_ms": milliseconds(*pause),
        }),
        Event::BlockCut { cut: found } => json!({
            "event": "block-cut",
            "cut": cut(found),
        }),
        Event::Unfolded { name, reason } => json!({
            "event": "unfolded",
            "migration": name.as_str(),
            "reason": reason,
        }),
        Event::ConnectionLost { reason } => json!({
            "event": "connection-lost",
            "reason": reason,
        }),
        Event::CommitWaits { pid, wait_event } => json!({
            "event": "commit-waits",
            "pid": pid,
            "wait_event": wait_event,
        }),
        Event::CommitResolved { committed } => json!({
            "event": "commit-resolved",
            "committed": committed,
        }),
        Event::BlockCommitted {
            migrations,
            duration,
        } => json!({
            "event": "block-committed",
            "migrations": migrations,
            "duration_ms": milliseconds(*duration),
        }),
        Event::Ready {
            deployment,
            after,
            again,
            schema_version,
        } => json!({
            "event": "ready",
            "deployment": deployment,
            "after_ms": milliseconds(*after),
            "again": again,
            "schema_version": schema_version.map(|version| version.to_string()),
        }),
        Event::Reached {
            goal,
            project,
            deployment,
            migration,
            fingerprint,
            schema_version,
        } => json!({
            "event": "reached",
            "state": goal.as_str(),
            "project": project,
            "deployment": deployment,
            "migration": migration.as_ref().map(Name::as_str),
            "fingerprint": fingerprint,
            "schema_version": schema_version.map(|version| version.to_string()),
        }),
        Event::TailBegan { names } => json!({
            "event": "tail-began",
            "migrations": names.iter().map(Name::as_str).collect::<Vec<_>>(),
        }),
        Event::MigrationBegan {
            name,
            kind: begun,
            pid,
        } => json!({
            "event": "migration-began",
            "migration": name.as_str(),
            "kind": begun.as_str(),
            "pid": pid,
        }),
        Event::StatementBegan {
            name,
            number,
            of,
            sql,
        } => json!({
            "event": "statement-began",
            "migration": name.as_str(),
            "number": number,
            "of": of,
            "sql": sql,
        }),
        Event::StatementSkipped {
            name,
            number,
            reason,
        } => json!({
            "event": "statement-skipped",
            "migration": name.as_str(),
            "number": number,
            "reason": reason,
        }),
        Event::PartitionBegan {
            name,
            partition,
            number,
            of,
        } => json!({
            "event": "partition-began",
            "migration": name.as_str(),
            "partition": partition,
            "number": number,
            "of": of,
        }),
        Event::Repaired { name, what } => json!({
            "event": "repaired",
            "migration": name.as_str(),
            "what": what,
        }),
        Event::StalledEnded { holder, idle } => json!({
            "event": "stalled-ended",
            "holder": blocker(holder),
            "idle_ms": milliseconds(*idle),
        }),
        Event::Conflict {
            name,
            project,
            relation,
            needed_by,
            holder,
            action,
        } => json!({
            "event": "conflict",
            "migration": name.as_str(),
            "project": project,
            "relation": relation,
            "needed_by": needed_by.as_ref().map(Name::as_str),
            "holder": blocker(holder),
            "action": match action {
                OnConflict::Wait => "wait",
                OnConflict::Fail => "fail",
                OnConflict::Preempt => "preempt",
            },
        }),
        Event::Preempted { name, by } => json!({
            "event": "preempted",
            "migration": name.as_str(),
            "by": by.as_ref().map(blocker),
        }),
        Event::RunsElsewhere { name, holder } => json!({
            "event": "runs-elsewhere",
            "migration": name.as_str(),
            "holder": blocker(holder),
        }),
        Event::Progress {
            name,
            phase,
            done,
            total,
        } => json!({
            "event": "progress",
            "migration": name.as_str(),
            "phase": phase,
            "done": done,
            "total": total,
        }),
        Event::Backfill { name, news } => backfill::event(name, news),
        Event::BuildWaits {
            name,
            blockers,
            since,
        } => json!({
            "event": "build-waits",
            "migration": name.as_str(),
            "blockers": list(blockers),
            "since_ms": milliseconds(*since),
        }),
        Event::MigrationDone { name, duration } => json!({
            "event": "migration-done",
            "migration": name.as_str(),
            "duration_ms": milliseconds(*duration),
        }),
        Event::MigrationFailed { name, diagnostic } => json!({
            "event": "migration-failed",
            "migration": name.as_str(),
            "diagnostic": to_json(diagnostic),
        }),
        Event::Detached { builds } => json!({
            "event": "detached",
            "builds": builds
                .iter()
                .map(|(name, pid)| json!({ "migration": name.as_str(), "pid": pid }))
                .collect::<Vec<_>>(),
        }),
        Event::Settled { deployment, after } => json!({
            "event": "settled",
            "deployment": deployment,
            "after_ms": milliseconds(*after),
        }),
        Event::DriftFound { since, difference } => json!({
            "event": "drift-found",
            "since": since,
            "difference": schema_diff::json(difference, SETTLED),
        }),
        Event::Verified {
            stage: at,
            duration,
            half_way,
            blind: left_out,
            unused_rules,
        } => json!({
            "event": "verified",
            "stage": stage(*at),
            "duration_ms": milliseconds(*duration),
            "half_way": self::half_way(half_way),
            "blind": left_out.iter().map(blind).collect::<Vec<_>>(),
            "unused_rules": unused_rules,
        }),
        Event::Overtaken { names } => json!({
            "event": "overtaken",
            "migrations": names.iter().map(Name::as_str).collect::<Vec<_>>(),
        }),
        Event::Mismatched { mismatch, goes_on } => json!({
            "event": "mismatched",
            "stage": stage(mismatch.stage),
            "difference": schema_diff::json(&mismatch.difference, EXPECTED),
            "before": schema_diff::json(&mismatch.before, EXPECTED),
            "interference": mismatch
                .interference
                .iter()
                .map(|(name, with)| json!({ "migration": name.as_str(), "with": with.as_str() }))
                .collect::<Vec<_>>(),
            "goes_on": goes_on,
        }),
        Event::ServiceWaits { reason } => json!({
            "event": "service-waits",
            "reason": reason,
        }),
        Event::ServiceRetries { reason, pause } => json!({
            "event": "service-retries",
            "reason": reason,
            "pause_ms": milliseconds(*pause),
        }),
        Event::ServiceLacks { names } => json!({
            "event": "service-lacks",
            "migrations": names.iter().map(Name::as_str).collect::<Vec<_>>(),
        }),
        Event::Notice { name, notice } => json!({
            "event": "notice",
            "migration": name.as_ref().map(Name::as_str),
            "notice": server_message(notice),
        }),
    }
}

/// When a check is made.
pub(crate) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Batch => "batch",
        Stage::Tail => "tail",
        Stage::Asked => "asked",
        Stage::Reverted => "reverted",
    }
}

/// What concurrent migrations have left half-way.
pub(crate) fn half_way(half_way: &BTreeMap<Name, BTreeSet<ObjectId>>) -> Vec<Value> {
    half_way
        .iter()
        .map(|(name, objects)| json!({ "migration": name.as_str(), "objects": ids(objects) }))
        .collect()
}

/// What could not be judged.
pub(crate) fn blind(blind: &Blind) -> Value {
    json!({
        "migration": blind.name.as_str(),
        "objects": ids(&blind.objects),
        "total": blind.is_total,
    })
}

fn ids(objects: &BTreeSet<ObjectId>) -> Vec<Value> {
    objects
        .iter()
        .map(|id| json!({ "namespace": id.namespace, "kind": id.kind.as_str(), "name": id.name }))
        .collect()
}

/// A problem in a file, as an event.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) -> Value {
    json!({ "event": "diagnostic", "diagnostic": to_json(diagnostic) })
}

/// Why the command ends, as an event; its diagnostics are events of their own.
pub(crate) fn error(error: &Error) -> Value {
    json!({
        "event": "error",
        "message": error.message,
        "notes": error.notes,
        "helps": error.helps,
        "blockers": list(&error.blockers),
        "outcome": error.outcome.name(),
        "status": error.outcome.status(),
    })
}

/// Something that people should know, as an event.
pub(crate) fn note(text: &str) -> Value {
    json!({ "event": "note", "message": text })
}

/// How two schemas differ, as an event.
pub(crate) fn schema_diff(diff: &Diff, sides: Sides<'_>) -> Value {
    json!({ "event": "schema-differs", "difference": schema_diff::json(diff, sides) })
}

/// A cut of the batch.
pub(crate) fn cut(cut: &Cut) -> Value {
    json!({ "before": cut.before.as_str(), "reason": plan_json::cut_reason(cut.reason) })
}

/// `batch`, `standalone` or `concurrent`.
fn list(blockers: &[Blocker]) -> Vec<Value> {
    blockers.iter().map(blocker).collect()
}

pub(super) fn blocker(blocker: &Blocker) -> Value {
    json!({
        "pid": blocker.pid,
        "user": blocker.user,
        "application": blocker.application,
        "state": blocker.state,
        "transaction_age_ms": blocker.transaction_age.map(milliseconds),
        "query_age_ms": blocker.query_age.map(milliseconds),
        "transaction_start": blocker.transaction_start,
        "query_start": blocker.query_start,
        "wait_event": blocker.wait_event,
        "query": blocker.query,
        "prepared": blocker.prepared,
    })
}

fn server_message(message: &ServerError) -> Value {
    json!({
        "severity": message.severity,
        "sqlstate": message.sqlstate,
        "message": message.message,
        "detail": message.detail,
        "hint": message.hint,
    })
}

/// Milliseconds, exact to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    // Rounded, so that 0.1 + 0.2 does not show.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests;
