//! A check's result as text.

use std::fmt::Write as _;

use super::check::Checked;
use super::phrase::count;
use super::schema_diff::{self, Extent, Sides};
use crate::apply::human;
use crate::apply::rehearse::{Seen, Verdict};
use crate::diagnostic::render::{Style, render};
use crate::rehearsal::{Difference, Step};

/// The steps, then what was found.
pub(crate) fn text(checked: &Checked) -> String {
    let mut text = steps(checked);
    for found in &checked.found {
        text.push('\n');
        let mut diagnostic = found.diagnostic(checked);
        let helps = std::mem::take(&mut diagnostic.helps);
        // Where standard output is no terminal, colours are taken out again.
        text.push_str(&render(&diagnostic, Style::Colour));
        if let Some(difference) = &found.finding.difference {
            for line in self::difference(difference, Style::Colour).lines() {
                let _ = writeln!(text, "{}", format!("    {line}").trim_end());
            }
        }
        for help in helps {
            let _ = writeln!(text, "  = help: {help}");
        }
    }
    // Writing into a string cannot fail, here and above.
    let _ = writeln!(text, "\n{}", summary(checked));
    text
}

/// One line about all of it.
pub(crate) fn summary(checked: &Checked) -> String {
    match checked.errors() {
        0 => "all is well".to_owned(),
        errors => count(errors, "finding"),
    }
}

/// A line per step, below its major version.
pub(crate) fn steps(checked: &Checked) -> String {
    let mut text = String::new();
    let mut last = None;
    for (major, seen) in checked.seen() {
        if let Some(major) = major
            && last.replace(major) != Some(major)
        {
            let _ = writeln!(text, "PostgreSQL {major}");
        }
        let indent = if major.is_some() { "  " } else { "" };
        let _ = writeln!(text, "{indent}{}", step(seen));
    }
    text
}

fn step(seen: &Seen) -> String {
    let number = seen.count;
    let took = human(&seen.duration);
    match (seen.step, &seen.verdict) {
        (step, Verdict::Skipped(why)) => format!("- {}: {why}", subject(step)),
        (Step::Files, Verdict::Passed) => match number {
            0 => "✓ there are no files".to_owned(),
            1 => "✓ the only file is valid".to_owned(),
            _ => format!("✓ all {} are valid", count(number, "file")),
        },
        (Step::Lint, Verdict::Passed) => match number {
            0 => "✓ none of them is judged by `segue lint`".to_owned(),
            _ => "✓ no rule of `segue lint` objects".to_owned(),
        },
        (Step::Lint, Verdict::Failed) => "✗ rules of `segue lint` object".to_owned(),
        (Step::Files, Verdict::Failed) => "✗ files are not valid".to_owned(),
        (Step::Fresh, Verdict::Passed) => {
            format!(
                "✓ a fresh database is made, by {} in {took}",
                count(number, "migration")
            )
        }
        (Step::Fresh, Verdict::Failed) => "✗ a fresh database cannot be made".to_owned(),
        (Step::Again, Verdict::Passed) => "✓ a second `segue up` does nothing".to_owned(),
        (Step::Again, Verdict::Failed) => "✗ a second `segue up` does something".to_owned(),
        (Step::Expected, Verdict::Passed) => {
            format!(
                "✓ its schema is the expected one, {}",
                count(number, "object")
            )
        }
        (Step::Expected, Verdict::Failed) => "✗ its schema is not the expected one".to_owned(),
        (Step::Diffs, Verdict::Passed) => match number {
            1 => "✓ the stored diff is what its migration does".to_owned(),
            _ => format!(
                "✓ {} are what their migrations do",
                count(number, "stored diff")
            ),
        },
        (Step::Diffs, Verdict::Failed) => {
            "✗ a stored diff is not what its migration does".to_owned()
        }
        (Step::Splits, Verdict::Passed) => format!(
            "✓ sound while a concurrent migration has not run, {} in {took}",
            count(number, "deployment")
        ),
        (Step::Splits, Verdict::Failed) => {
            "✗ not sound while a concurrent migration has not run".to_owned()
        }
        (Step::Backfills, Verdict::Passed) => {
            format!("✓ {} tried on rows in {took}", count(number, "backfill"))
        }
        (Step::Backfills, Verdict::Failed) => "✗ a backfill is not sound on rows".to_owned(),
        (Step::Reverts, Verdict::Passed) => format!(
            "✓ {} taken back and applied again in {took}",
            count(number, "migration")
        ),
        (Step::Reverts, Verdict::Failed) => {
            "✗ a migration is not taken back as it should be".to_owned()
        }
        (Step::Upgrades, Verdict::Passed) => match number {
            0 => "✓ the rows of snapshots go into the newest version".to_owned(),
            _ => format!(
                "✓ {} straight to the newest version in {took}",
                count(number, "upgrade")
            ),
        },
        (Step::Upgrades, Verdict::Failed) => {
            "✗ a version cannot be upgraded straight to the newest one".to_owned()
        }
        (Step::Checks, Verdict::Passed) => match number {
            1 => format!("✓ the only file of checks finds nothing, in {took}"),
            _ => format!("✓ {number} files of checks find nothing, in {took}"),
        },
        (Step::Checks, Verdict::Failed) => "✗ a check finds something".to_owned(),
        (Step::Torture, Verdict::Passed) => format!(
            "✓ whatever dies, running again ends the same, {} in {took}",
            count(number, "trial")
        ),
        (Step::Torture, Verdict::Failed) => format!(
            "✗ after a fault, running again does not end the same, {} in {took}",
            count(number, "trial")
        ),
    }
}

/// What a step that was left out is about.
fn subject(step: Step) -> &'static str {
    match step {
        Step::Files => "files",
        Step::Lint => "rules of `segue lint`",
        Step::Fresh => "fresh database",
        Step::Again => "second `segue up`",
        Step::Expected => "expected schema",
        Step::Diffs => "stored diffs",
        Step::Splits => "deployments without concurrent migrations",
        Step::Backfills => "backfills",
        Step::Reverts => "migrations taken back",
        Step::Upgrades => "upgrades straight to the newest version",
        Step::Checks => "checks",
        Step::Torture => "torture",
    }
}

/// Two schemas, side by side.
pub(crate) fn difference(difference: &Difference, style: Style) -> String {
    let sides = Sides {
        before: difference.before,
        after: difference.after,
    };
    schema_diff::text(&difference.diff, sides, Extent::Short, style)
}
