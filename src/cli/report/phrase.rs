//! Pieces of sentences: counts, names, sessions.

use std::time::Duration;

use crate::migration::Name;
use crate::plan::{Cut, CutReason, Plan, StrongLocks};
use crate::postgres::activity::Blocker;
use crate::text::list;

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

/// `1 migration`, `3 migrations`, `12,000 migrations`
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number as u64))
}

/// `12,345,678`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `` `a.sql`, `b.sql` and 7 more ``
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    const SHOWN_MAX: usize = 5;
    let names: Vec<&Name> = names.into_iter().collect();
    // To leave out a single one saves nothing.
    let shown = if names.len() <= SHOWN_MAX + 1 {
        names.len()
    } else {
        SHOWN_MAX
    };
    let quoted: Vec<_> = names[..shown]
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    match (quoted.as_slice(), names.len() - shown) {
        (all, 0) => list(all),
        (_, more) => format!("{} and {more} more", quoted.join(", ")),
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

/// `43s`, `5m 20s`, `2h 5m`: time left, which is never exact.
pub(crate) fn left(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{}s", seconds.max(1)),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!(count(1, "migration"), "1 migration");
        assert_eq!(count(0, "migration"), "0 migrations");
        assert_eq!(count(10_000, "migration"), "10,000 migrations");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(100), "100");
    }

    #[test]
    fn long_lists_are_cut() {
        let all: Vec<Name> = ["a", "b", "c", "d", "e", "f", "g"].map(Name::new).into();
        assert_eq!(names(&all[..1]), "`a`");
        assert_eq!(names(&all[..2]), "`a` and `b`");
        assert_eq!(names(&all[..6]), "`a`, `b`, `c`, `d`, `e` and `f`");
        assert_eq!(names(&all), "`a`, `b`, `c`, `d`, `e` and 2 more");
        assert_eq!(names(&[]), "");
    }

    #[test]
    fn time_left_is_rough() {
        assert_eq!(left(Duration::from_millis(200)), "1s");
        assert_eq!(left(Duration::from_secs(320)), "5m 20s");
        assert_eq!(left(Duration::from_mins(125)), "2h 5m");
    }
}
