//! A [`Forecast`] as text, eighty columns wide where names allow it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::phrase::{count, names, thousands};
use crate::apply::forecast::{Forecast, Likeness};
use crate::forecast::{
    Bytes, Danger, Held, Learnt, Part, PartKind, Statement, Table, TableName, Work,
};
use crate::postgres::activity::Blocker;
use crate::postgres::traffic;
use crate::statement::{LockMode, Stops};

/// Columns of a terminal.
const WIDTH: usize = 80;

/// Where what is said of a statement stands, below its text.
const INDENT: &str = "          ";

/// So many pieces of work are named of one statement.
const WORKS_MAX: usize = 4;

/// So many sessions are named for one reason.
const SESSIONS_MAX: usize = 5;

/// The forecast, line by line, without what the plan says already.
pub(crate) fn forecast(forecast: &Forecast) -> String {
    let mut text = String::from("\nForecast\n");
    paragraph(&mut text, "  ", &origin(forecast));
    if forecast.parts.is_empty() {
        text.push_str("  Nothing is pending that runs here.\n");
        return text;
    }
    if !forecast.tables.is_empty() {
        text.push('\n');
        tables(&mut text, forecast);
    }
    for part in &forecast.parts {
        text.push('\n');
        self::part(&mut text, part, forecast);
    }
    in_the_way(&mut text, forecast);
    obstacles(&mut text, forecast);
    footnotes(&mut text, forecast);
    text
}

/// How it was come by.
fn origin(forecast: &Forecast) -> String {
    let versions = if forecast.copy_version == forecast.live_version {
        format!("PostgreSQL {}", forecast.live_version)
    } else {
        format!(
            "PostgreSQL {}, and the live server is {}",
            forecast.copy_version, forecast.live_version
        )
    };
    let likeness = match &forecast.likeness {
        Likeness::Same => "whose schema is the live one".to_owned(),
        Likeness::Differs(objects) => {
            const SHOWN_MAX: usize = 5;
            let shown: Vec<&str> = objects.iter().take(SHOWN_MAX).map(String::as_str).collect();
            let more = match objects.len().saturating_sub(SHOWN_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "whose schema is not quite the live one: {}{more}",
                shown.join(", ")
            )
        }
        Likeness::Unknown => {
            "of which it is not known whether it is the live schema: somebody has locked a table there"
                .to_owned()
        }
        Likeness::Impossible(why) => {
            return format!(
                "By the manual alone: the applied migrations of this folder cannot be replayed to make a copy of the live schema ({why})."
            );
        }
    };
    format!("Learnt by running it on a copy of the database without rows ({versions}), {likeness}.")
}

fn tables(text: &mut String, forecast: &Forecast) {
    let mut rows = vec![
        [
            "table",
            "rows",
            "data",
            "indexes",
            "reads/s",
            "writes/s",
            "sessions now",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for (name, table) in &forecast.tables {
        let sessions: std::collections::BTreeSet<_> = forecast
            .held
            .iter()
            .filter(|held| held.table == *name)
            .map(|held| (held.session.pid, held.session.prepared.clone()))
            .collect();
        let sessions = match sessions.len() {
            0 => String::new(),
            several => several.to_string(),
        };
        rows.push(vec![
            name.to_string(),
            table.rows.map_or_else(|| "?".to_owned(), rounded),
            bytes(table.heap_bytes + table.toast_bytes),
            bytes(table.index_bytes),
            rate(table.reads_per_second),
            rate(table.writes_per_second),
            sessions,
        ]);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        })
        .collect();
    for row in rows {
        let mut line = format!("  {:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(line, "  {cell:>width$}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn part(text: &mut String, part: &Part, forecast: &Forecast) {
    let name = part
        .statements
        .first()
        .map(|first| first.migration.as_str());
    let title = match part.kind {
        PartKind::Transaction => {
            "One transaction: what it locks stays locked until its COMMIT".to_owned()
        }
        PartKind::Outside => format!(
            "Outside a transaction, before ready: {}",
            name.unwrap_or_default()
        ),
        PartKind::Tail => format!("Tail: {}", name.unwrap_or_default()),
    };
    let _ = writeln!(text, "  {title}");
    let mut quiet = part.left_out;
    for (index, statement) in part.statements.iter().enumerate() {
        if statement.is_notable() {
            self::statement(text, part, index, statement, forecast);
        } else {
            quiet += 1;
        }
    }
    if quiet > 0 {
        let others = if quiet == part.statements.len() + part.left_out {
            ""
        } else {
            "and "
        };
        let disturb = if quiet == 1 { "disturbs" } else { "disturb" };
        let _ = writeln!(
            text,
            "     {others}{} that {disturb} nobody",
            count(quiet, "statement")
        );
    }
}

fn statement(
    text: &mut String,
    part: &Part,
    index: usize,
    statement: &Statement,
    forecast: &Forecast,
) {
    let mark = match part.danger(index, &forecast.tables) {
        Danger::None => "  ",
        Danger::Brief => " !",
        Danger::Long => "!!",
    };
    let before = index
        .checked_sub(1)
        .map(|before| &part.statements[..=before]);
    let is_named = before.is_some_and(|before| {
        let mut notable = before.iter().rev().filter(|one| one.is_notable());
        notable
            .next()
            .is_some_and(|one| one.migration == statement.migration)
    });
    if part.kind == PartKind::Transaction && !is_named {
        let _ = writeln!(text, "     {}", statement.migration);
    }
    let _ = writeln!(
        text,
        "  {mark} {:>3}  {}",
        statement.line,
        cut(&statement.text, WIDTH - 10)
    );
    if let Some(failed) = &statement.failed {
        paragraph(
            text,
            INDENT,
            &format!("FAILS on the copy: {failed}; what comes after it is by the manual"),
        );
    }
    for (table, mode) in &statement.locks {
        if *mode >= LockMode::ShareUpdateExclusive {
            let line = format!(
                "{mode} on {table}: {}",
                meaning(*mode, part, index, statement, &forecast.tables)
            );
            let line = line + &queued(*mode, forecast.tables.get(table));
            paragraph(text, INDENT, &line);
        }
    }
    if statement.learnt == Learnt::ByTheManual {
        paragraph(
            text,
            INDENT,
            "locks as the manual has them: it was not seen",
        );
    }
    let mut works: Vec<String> = Vec::new();
    for work in &statement.work {
        works.push(self::work(work, forecast));
    }
    if works.is_empty() && statement.learnt == Learnt::ByRunning {
        works.push("changes catalogs only".to_owned());
    }
    for line in works.iter().take(WORKS_MAX) {
        paragraph(text, INDENT, line);
    }
    if works.len() > WORKS_MAX {
        let _ = writeln!(
            text,
            "{INDENT}and as much for {} more",
            works.len() - WORKS_MAX
        );
    }
}

/// What a lock means for the application.
fn meaning(
    mode: LockMode,
    part: &Part,
    index: usize,
    statement: &Statement,
    tables: &BTreeMap<TableName, Table>,
) -> String {
    let who = match mode.stops() {
        Stops::Nothing => return "reads and writes go on".to_owned(),
        Stops::Writes => "no writes",
        Stops::ReadsAndWrites => "no reads, no writes",
    };
    let held = part.held(index, tables);
    let is_brief = crate::forecast::danger(mode, &held) == Danger::Brief;
    let how_long = match held {
        _ if is_brief => "for a moment".to_owned(),
        Held::Unknown => "for as long as the rows take that are written".to_owned(),
        Held::For(_) => match held.seconds() {
            Some((low, high)) => format!("for {}", seconds(low, high)),
            None => String::new(),
        },
    };
    let why = if statement.work.is_empty() && !is_brief {
        ", until what follows in the transaction is done"
    } else {
        ""
    };
    format!("{who} {how_long}{why}")
}

/// How many uses of a table a lock keeps waiting.
fn queued(mode: LockMode, table: Option<&Table>) -> String {
    let Some(table) = table else {
        return String::new();
    };
    let reads = table.reads_per_second.unwrap_or_default();
    let writes = table.writes_per_second.unwrap_or_default();
    let waiting = match mode.stops() {
        Stops::Nothing => 0.0,
        Stops::Writes => writes,
        Stops::ReadsAndWrites => reads + writes,
    };
    if waiting < 1.0 {
        return String::new();
    }
    format!("; {} a second would wait", rate(Some(waiting)))
}

/// What is done, and what it needs.
fn work(work: &Work, forecast: &Forecast) -> String {
    let needs = forecast
        .tables
        .get(work.table())
        .map(|table| (work.disk(table), table));
    let also_wal = if forecast.keeps_wal {
        ", and as much WAL"
    } else {
        ""
    };
    let disk = |disk: Bytes| format!("{} of disk{also_wal}", range(disk));
    match (work, needs) {
        (Work::Rewrites(table), Some((Some(bytes), _))) => format!(
            "writes all of {table} and its indexes anew: {}; the old one goes at COMMIT",
            disk(bytes)
        ),
        (Work::Rewrites(table), _) => format!("writes all of {table} and its indexes anew"),
        (Work::Scans(table), Some((_, of))) => {
            format!("reads all of {table}: {}", bytes(of.heap_bytes))
        }
        (Work::Scans(table), None) => format!("reads all of {table}"),
        (Work::Builds { index, table, .. }, Some((Some(bytes), of))) => format!(
            "builds {index}: reads all of {table} ({}), takes {}",
            self::bytes(of.heap_bytes),
            disk(bytes)
        ),
        (
            Work::Builds {
                index,
                table,
                shape,
            },
            _,
        ) => format!(
            "builds {index}: reads all of {table}; how large a {} index gets is not known",
            shape.method
        ),
        (Work::Changes(table), Some((Some(bytes), _))) => format!(
            "changes rows of {table}: if it is all of them, {} of disk{also_wal}",
            self::bytes(bytes.high)
        ),
        (Work::Changes(table) | Work::Writes(table), _) => {
            format!("adds or changes rows of {table}, nobody knows how many")
        }
        (Work::Empties(table), _) => format!("empties {table}"),
        (Work::Refreshes(view), _) => format!("runs the query of {view} again"),
    }
}

/// Sessions whose locks a statement would wait for, and who waits already.
fn in_the_way(text: &mut String, forecast: &Forecast) {
    let mut lines = Vec::new();
    let mut told = std::collections::BTreeSet::new();
    let mut left_out = 0;
    for held in &forecast.held {
        let statements = forecast.parts.iter().flat_map(|part| &part.statements);
        let mut blocked = statements.filter(|statement| {
            let mode = statement.locks.get(&held.table);
            mode.is_some_and(|mode| mode.conflicts_with(held.mode))
        });
        let Some(first) = blocked.next() else {
            continue;
        };
        let key = (
            held.table.clone(),
            held.session.pid,
            held.session.prepared.clone(),
        );
        if !told.insert(key) {
            continue;
        }
        if told.len() > SESSIONS_MAX {
            left_out += 1;
            continue;
        }
        lines.push((held, first));
    }
    if lines.is_empty() {
        return;
    }
    text.push_str("\n  In the way now\n");
    for (held, first) in lines {
        let has = if held.granted { "has" } else { "waits for" };
        paragraph(text, "    ", &held.session.to_string());
        let line = format!(
            "{has} {} on {}; {}:{} would wait for it, and everybody else behind that",
            held.mode, held.table, first.migration, first.line
        );
        paragraph(text, "      ", &line);
        paragraph(text, "      ", &held.session.remedy());
    }
    if left_out > 0 {
        let _ = writeln!(text, "    and {left_out} more");
    }
}

/// Sessions that a concurrent build would wait for.
fn obstacles(text: &mut String, forecast: &Forecast) {
    let builds = forecast.parts.iter().flat_map(|part| &part.statements);
    let builds =
        builds.filter(|statement| statement.text.to_ascii_uppercase().contains("CONCURRENTLY"));
    if builds.count() == 0 || forecast.snapshots.is_empty() {
        return;
    }
    text.push_str("\n  Would hold up a concurrent build now\n");
    let shown: Vec<&Blocker> = forecast.snapshots.iter().take(SESSIONS_MAX).collect();
    for session in &shown {
        paragraph(text, "    ", &session.to_string());
        paragraph(text, "      ", &session.remedy());
    }
    if let Some(more @ 1..) = forecast.snapshots.len().checked_sub(shown.len()) {
        let _ = writeln!(text, "    and {more} more");
    }
}

fn footnotes(text: &mut String, forecast: &Forecast) {
    text.push('\n');
    if !forecast.elsewhere.is_empty() {
        let line = format!(
            "Not looked at, since they run in another database: {}.",
            names(&forecast.elsewhere)
        );
        paragraph(text, "  ", &line);
    }
    let interval = traffic::INTERVAL.as_secs();
    let line = format!(
        "!! stops the application for long, ! for a moment. Times are for storage that moves 50 to 500 MB/s; sizes of indexes come from rows and average widths of columns, reads and writes from {interval} s of watching. A lock that is not had at once makes everybody wait behind it: `segue up` gives up after --lock-timeout and tries again."
    );
    paragraph(text, "  ", &line);
    if !forecast.sees_all {
        paragraph(
            text,
            "  ",
            "Other roles' sessions are not seen in full, snapshots not at all: `GRANT pg_read_all_stats` shows them.",
        );
    }
}

/// `1,240`, `3.5`, `?`
fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "?".to_owned(),
        Some(rate) if rate > 0.0 && rate < 9.95 => format!("{rate:.1}"),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "never negative, and an estimate"
        )]
        Some(rate) => thousands(rate.round() as u64),
    }
}

/// `950`, `12 k`, `8.4 M`
fn rounded(number: u64) -> String {
    scaled(number, 1000, &["", " k", " M", " G"])
}

/// `8 kB`, `1.2 GB`, as `pg_size_pretty` counts.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes, 1024, &[" B", " kB", " MB", " GB", " TB"])
}

fn scaled(number: u64, step: u64, units: &[&str]) -> String {
    let (mut unit, mut of) = (0, 1);
    while number / of >= step && unit + 1 < units.len() {
        of *= step;
        unit += 1;
    }
    let (whole, tenth) = (number / of, number % of * 10 / of);
    if unit == 0 || whole >= 10 || tenth == 0 {
        format!("{whole}{}", units[unit])
    } else {
        format!("{whole}.{tenth}{}", units[unit])
    }
}

/// `180 MB to 240 MB`, `180 MB`
fn range(range: Bytes) -> String {
    let (low, high) = (bytes(range.low), bytes(range.high));
    if low == high {
        format!("about {low}")
    } else {
        format!("{low} to {high}")
    }
}

/// `3 s to 2 min`
fn seconds(low: u64, high: u64) -> String {
    let one = |seconds: u64| match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    };
    match low {
        0 => format!("up to {}", one(high.max(1))),
        _ if one(low) == one(high) => format!("about {}", one(low)),
        _ => format!("{} to {}", one(low), one(high)),
    }
}

/// At most so many characters.
fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let start: String = text.chars().take(characters - 1).collect();
    format!("{}…", start.trim_end())
}

/// Words on lines of [`WIDTH`], each after `indent`, later ones two deeper.
fn paragraph(text: &mut String, indent: &str, words: &str) {
    let mut line = indent.to_owned();
    let mut is_empty = true;
    let mut words = words.split(' ').peekable();
    while let Some(word) = words.next() {
        // A number and its unit stay together.
        let is_number = word.ends_with(|last: char| last.is_ascii_digit());
        let unit = words.next_if(|next| {
            let next = next.trim_end_matches([',', ';', ')', '.']);
            is_number
                && ["B", "kB", "MB", "GB", "TB", "s", "min", "h", "k", "M", "G"].contains(&next)
        });
        let word = match unit {
            Some(unit) => format!("{word} {unit}"),
            None => word.to_owned(),
        };
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = if indent.len() > 2 {
                format!("{indent}  ")
            } else {
                indent.to_owned()
            };
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(&word);
        is_empty = false;
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0, 999, 1000, 12_345, 8_400_000].map(rounded);
        assert_eq!(shown, ["0", "999", "1 k", "12 k", "8.4 M"]);
        assert_eq!(bytes(8192), "8 kB");
        assert_eq!(bytes(1_300_000_000), "1.2 GB");
        assert_eq!(
            [None, Some(0.0), Some(3.46), Some(1240.4)].map(rate),
            ["?", "0", "3.5", "1,240"]
        );
        assert_eq!(seconds(0, 3), "up to 3 s");
        assert_eq!(seconds(30, 300), "30 s to 5 min");
    }

    #[test]
    fn lines_are_folded_between_words() {
        let mut text = String::new();
        paragraph(&mut text, "    ", &"word ".repeat(20));
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(WIDTH), "{text}");
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.starts_with("      word"))
        );
    }
}
