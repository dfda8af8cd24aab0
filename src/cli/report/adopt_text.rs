//! What taking over a ledger comes to, as text.

use std::fmt::Write as _;

use super::phrase::count;
use crate::adopt::convert::Conversion;
use crate::adopt::{Comparison, Taken};
use crate::apply::adopt::{From, Report};
use crate::migration::Name;

/// Lists longer than this are shortened, unless all is asked for.
const SHOWN_MAX: usize = 20;

/// Which file is which row, and what has no counterpart.
pub(crate) fn adoption(done: &Report, from: &From, all: bool) -> String {
    let adoption = &done.adoption;
    let mut text = match (from, &done.table) {
        (From::Ledger { source, .. }, Some(table)) => format!("{source}'s ledger, {table}\n"),
        _ => "Everything up to the file that was named\n".to_owned(),
    };
    let verb = if done.deployment.is_some() {
        "taken over"
    } else {
        "take over"
    };
    let lines: Vec<String> = adoption.taken.iter().map(taken).collect();
    section(&mut text, verb, &lines, all);
    let quoted =
        |names: &[&Name]| -> Vec<String> { names.iter().map(|name| format!("`{name}`")).collect() };
    if !adoption.already.is_empty() {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "  {:<12}{}",
            "recorded",
            count(adoption.already.len(), "migration")
        );
    }
    let early = adoption.out_of_order();
    let pending: Vec<String> = adoption
        .pending
        .iter()
        .map(|name| {
            if early.contains(&name) {
                format!("`{name}`, although later ones are applied")
            } else {
                format!("`{name}`")
            }
        })
        .collect();
    section(&mut text, "pending", &pending, all);
    section(&mut text, "no file", &adoption.without_file, all);
    let differing: Vec<&Name> = adoption
        .taken
        .iter()
        .filter(|taken| taken.comparison == Comparison::Differs)
        .map(|taken| &taken.name)
        .collect();
    section(&mut text, "changed", &quoted(&differing), true);
    if !adoption.taken.is_empty()
        && let From::Ledger { source, .. } = from
    {
        let kept = adoption
            .taken
            .iter()
            .filter(|taken| taken.comparison != Comparison::NotKept)
            .count();
        let left = adoption.taken.len() - kept;
        let _ = match (kept, left) {
            (0, _) => writeln!(
                text,
                "{source} keeps no checksums that can be compared: the files are taken to be what has run"
            ),
            (_, 0) => writeln!(text, "compared with {source}'s checksums: all"),
            (kept, left) => writeln!(
                text,
                "compared with {source}'s checksums: {kept}; the other {left} are taken to be what has run"
            ),
        };
    }
    text
}

fn taken(taken: &Taken) -> String {
    let mut line = format!("`{}`", taken.name);
    // Writing into a string cannot fail.
    if taken.is_partly {
        let _ = write!(
            line,
            ", begun: the first {} done",
            match taken.statements {
                1 => "statement is".to_owned(),
                count => format!("{count} statements are"),
            }
        );
    }
    if let Some(at) = &taken.at {
        let seconds = at.get(..19).unwrap_or(at).replace('T', " ");
        let _ = write!(line, ", {seconds}Z");
    }
    line
}

fn section(text: &mut String, word: &str, lines: &[String], all: bool) {
    let shown = if all || lines.len() <= SHOWN_MAX + 1 {
        lines.len()
    } else {
        SHOWN_MAX
    };
    let mut word = word;
    for line in &lines[..shown] {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {word:<12}{line}");
        word = "";
    }
    if shown < lines.len() {
        let _ = writeln!(
            text,
            "  {:<12}and {} more (-v lists all)",
            "",
            lines.len() - shown
        );
    }
}

/// Which file comes from which.
pub(crate) fn conversion(conversion: &Conversion) -> String {
    let mut text = String::new();
    for file in &conversion.files {
        // Writing into a string cannot fail, here and below.
        let _ = write!(text, "  {} <- {}", file.name, file.from);
        let _ = match file.autocommit {
            Some(why) => writeln!(text, "\n      no-txn: {why}"),
            None => writeln!(text),
        };
    }
    for (path, why) in &conversion.left_out {
        let _ = writeln!(text, "  left out: {path}, {why}");
    }
    text
}
