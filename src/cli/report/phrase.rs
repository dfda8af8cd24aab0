//! Pieces of sentences: counts, names, sessions.

use crate::migration::Name;
use crate::plan::{Cut, CutReason, Plan, StrongLocks};
use crate::postgres::activity::Blocker;
pub(crate) use crate::text::{count, left, names, thousands};

/// The database that is not there yet, and who makes it.
pub(crate) fn absent(plan: &Plan) -> Option<String> {
    let absent = plan.absent.as_ref()?;
    let maker = absent.made_by.as_ref();
    let maker = maker.map_or_else(String::new, |name| format!(": it is made by `{name}`"));
    Some(format!(
        "Database `{}` does not exist yet{maker}",
        absent.database
    ))
}

/// For what a COMMIT waits, by the wait event of its session: `` for …``; empty
/// if it is not known.
pub(crate) fn commit_waits(wait_event: Option<&str>) -> String {
    match wait_event {
        Some("IPC/SyncRep" | "SyncRep") => {
            " for a synchronous standby to confirm (SyncRep)".to_owned()
        }
        Some(event) => format!(" for {event}"),
        None => String::new(),
    }
}

/// Sessions, joined by `and`, each with what ends it on a line of its own.
pub(crate) fn sessions(blockers: &[Blocker]) -> String {
    match blockers {
        [] => "a session that is gone already".to_owned(),
        several => several
            .iter()
            .map(|one| format!("{one}\n{}", one.remedy()))
            .collect::<Vec<_>>()
            .join("\nand "),
    }
}

/// Rules of `[schema]` that match nothing, a sentence each.
pub(crate) fn idle_rules(rules: &[String]) -> Vec<String> {
    let rules = rules.iter();
    rules
        .map(|rule| format!("`{rule}` of [schema] in segue.toml matches nothing"))
        .collect()
}

/// What a migration has brought with it.
pub(crate) fn brought(by: &Name, applied: usize) -> String {
    format!(
        "the ledger that `{by}` brings: {} applied",
        count(applied, "migration")
    )
}

/// That a transaction locks several busy tables.
pub(crate) fn strong_locks(plan: &Plan, locks: &StrongLocks) -> String {
    let step = match plan.batch.len() {
        1 => "the transaction".to_owned(),
        _ => format!("the transaction of step {}", locks.step + 1),
    };
    let mut by: Vec<&Name> = locks.locks.iter().map(|lock| &lock.migration).collect();
    by.dedup();
    format!(
        "{step} locks several busy tables at once, each until its COMMIT: {locks}, by {}; \
         to lock one at a time, deploy them one after the other",
        names(by)
    )
}

/// Why a block ends where it does.
pub(crate) fn cut(cut: &Cut) -> String {
    let Cut { before, reason } = cut;
    match reason {
        CutReason::EnumValue => format!(
            "cut before `{before}`: an enum value that was added cannot be used before it is committed"
        ),
        CutReason::LockMemory => format!(
            "cut before `{before}`: the server's lock table is full; a higher `max_locks_per_transaction` would keep it one transaction"
        ),
        CutReason::BringsLedger => format!(
            "cut before `{before}`: what comes before it brings a record of what has been applied"
        ),
    }
}
