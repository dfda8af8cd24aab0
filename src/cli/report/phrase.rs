//! Pieces of sentences: counts, names, sessions.

use std::time::Duration;

use crate::apply::human;
use crate::migration::Name;
use crate::plan::{Cut, CutReason};
use crate::postgres::activity::Blocker;

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
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (_, more) => format!("{} and {more} more", quoted.join(", ")),
    }
}

/// `pid 77 (user app, application psql, idle in transaction for 3s)`
pub(crate) fn session(blocker: &Blocker) -> String {
    if let Some(prepared) = &blocker.prepared {
        return format!("prepared transaction `{prepared}`");
    }
    let mut facts = Vec::new();
    if let Some(user) = &blocker.user {
        facts.push(format!("user {user}"));
    }
    if let Some(application) = &blocker.application {
        facts.push(format!("application {application}"));
    }
    if let Some(state) = &blocker.state {
        // An active session's age is that of its statement, an idle one's that
        // of the transaction that it holds open.
        let age = if state == "active" {
            blocker.query_age.or(blocker.transaction_age)
        } else {
            blocker.transaction_age.or(blocker.query_age)
        };
        facts.push(match age {
            Some(age) => format!("{state} for {}", human(&age)),
            None => state.clone(),
        });
    }
    if let Some(event) = &blocker.wait_event {
        facts.push(format!("waits for {event}"));
    }
    if let Some(query) = &blocker.query {
        facts.push(format!("`{}`", query.trim()));
    }
    if facts.is_empty() {
        format!("pid {}", blocker.pid)
    } else {
        format!("pid {} ({})", blocker.pid, facts.join(", "))
    }
}

/// Sessions, joined by `and`.
pub(crate) fn sessions(blockers: &[Blocker]) -> String {
    match blockers {
        [] => "a session that cannot be seen".to_owned(),
        [first @ .., last] if !first.is_empty() => {
            let first: Vec<_> = first.iter().map(session).collect();
            format!("{} and {}", first.join(", "), session(last))
        }
        [one, ..] => session(one),
    }
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
    fn a_session_shows_what_our_rights_let_us_see() {
        let mut blocker = Blocker {
            pid: 77,
            ..Blocker::default()
        };
        assert_eq!(session(&blocker), "pid 77");
        blocker.user = Some("app".to_owned());
        blocker.application = Some("psql".to_owned());
        blocker.state = Some("idle in transaction".to_owned());
        blocker.transaction_age = Some(Duration::from_secs(65));
        blocker.query_age = Some(Duration::from_secs(3));
        assert_eq!(
            session(&blocker),
            "pid 77 (user app, application psql, idle in transaction for 65s)"
        );
        blocker.prepared = Some("job-7".to_owned());
        assert_eq!(session(&blocker), "prepared transaction `job-7`");
        let two = [
            blocker,
            Blocker {
                pid: 1,
                ..Blocker::default()
            },
        ];
        assert_eq!(sessions(&two), "prepared transaction `job-7` and pid 1");
    }

    #[test]
    fn time_left_is_rough() {
        assert_eq!(left(Duration::from_millis(200)), "1s");
        assert_eq!(left(Duration::from_secs(320)), "5m 20s");
        assert_eq!(left(Duration::from_mins(125)), "2h 5m");
    }
}
