//! A matrix as text: a table of signs, then what does not hold.

use std::fmt::Write as _;

use super::line::Tone;
use super::phrase::{count, names};
use crate::apply::human;
use crate::matrix::{Failure, Matrix, Placed, Sessions, Sight};

/// Between columns.
const GAP: &str = "  ";

/// How a cell is drawn: one character, and its colour.
const fn sign(sight: Sight) -> (char, Tone) {
    match sight {
        Sight::MustWork => ('✓', Tone::Done),
        Sight::Works => ('+', Tone::Done),
        Sight::NeedNot => ('-', Tone::Active),
        Sight::Fails => ('✗', Tone::Failed),
        Sight::NotRun => ('?', Tone::Notable),
    }
}

/// The matrix; colours are taken out where standard output is no terminal.
pub(crate) fn text(matrix: &Matrix) -> String {
    let mut text = table(matrix);
    text.push('\n');
    text.push_str(&legend(matrix));
    for (placed, failure) in matrix.failed() {
        text.push('\n');
        text.push_str(&failed(placed, failure));
    }
    for (why, about) in matrix.not_run() {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "\n{} not run: {why}", drawn('?', Tone::Notable));
        let _ = writeln!(text, "  {}", places(&about));
    }
    let _ = writeln!(text, "\n{}", summary(matrix));
    text
}

/// What is known of all of it in a line.
pub(crate) fn summary(matrix: &Matrix) -> String {
    let cells: usize = matrix.cells.iter().map(Vec::len).sum();
    let earlier = matrix.placed().filter(|one| one.cell.is_earlier).count();
    let said = Sight::ALL.into_iter().filter_map(|sight| {
        let number = matrix.count(sight);
        (number > 0).then(|| format!("{number} {}", sight.verb(number)))
    });
    let said: Vec<_> = said.collect();
    let mut text = format!("{}: {}", count(cells, "cell"), said.join(", "));
    if earlier > 0 {
        let _ = write!(text, "; {earlier} as seen by an earlier run");
    }
    text
}

fn table(matrix: &Matrix) -> String {
    const HEADS: [&str; 2] = ["schema", "state"];
    let width = |text: &str| text.chars().count();
    let groups = matrix.groups();
    let versions: Vec<String> = groups
        .iter()
        .map(|group| match group.version {
            Some(version) => version.to_string(),
            None => "none".to_owned(),
        })
        .collect();
    let of_versions = versions.iter().map(|one| width(one)).max();
    let of_versions = of_versions.unwrap_or(0).max(width(HEADS[0]));
    let of_states = matrix.states.iter().map(|state| width(&state.name)).max();
    let of_states = of_states.unwrap_or(0).max(width(HEADS[1]));
    let apps: Vec<String> = matrix
        .apps
        .iter()
        .map(|app| app.version.to_string())
        .collect();

    let mut text = format!(
        "{:of_versions$}{GAP}{:of_states$}{GAP}{}\n",
        HEADS[0],
        HEADS[1],
        apps.join(GAP)
    );
    for (group, version) in groups.iter().zip(&versions) {
        for index in group.first..group.first + group.rows {
            let shown = if index == group.first { version } else { "" };
            let name = &matrix.states[index].name;
            let _ = write!(text, "{shown:of_versions$}{GAP}{name:of_states$}");
            for (cell, app) in matrix.cells[index].iter().zip(&apps) {
                let (sign, tone) = sign(cell.sight());
                let pad = width(app) - 1;
                let _ = write!(text, "{GAP}{:pad$}{}", "", drawn(sign, tone));
            }
            text.push('\n');
        }
    }
    text
}

/// What the signs mean that occur, and who keeps sessions.
fn legend(matrix: &Matrix) -> String {
    let mut text = String::new();
    for sight in Sight::ALL {
        if matrix.count(sight) > 0 {
            let (sign, tone) = sign(sight);
            let _ = writeln!(text, "{} {}", drawn(sign, tone), sight.meaning());
        }
    }
    let kept = matrix.apps.iter();
    let kept = kept.filter(|app| app.sessions == Sessions::Kept);
    let kept: Vec<_> = kept.map(|app| app.version).collect();
    if !kept.is_empty() {
        let verb = if kept.len() == 1 { "keeps" } else { "keep" };
        let _ = writeln!(
            text,
            "{} {verb} sessions open while the schema changes",
            names(kept)
        );
    }
    text
}

fn failed(Placed { state, app, cell }: Placed<'_>, failure: &Failure) -> String {
    let (sign, tone) = sign(Sight::Fails);
    let version = state.version.map_or_else(
        || "a schema without a version".to_owned(),
        |version| format!("schema {version}"),
    );
    let mut text = format!(
        "{} code {} must work with {version}, and fails in state `{}`: {}\n",
        drawn(sign, tone),
        app.version,
        state.name,
        failure.reason
    );
    for line in &failure.tail {
        let _ = writeln!(text, "{}", format!("    {line}").trim_end());
    }
    if let Some(log) = &failure.log {
        let _ = writeln!(
            text,
            "  = note: after {}; all of it is in {log}",
            human(&cell.took)
        );
    }
    let _ = writeln!(
        text,
        "  = help: look at it yourself: `segue at '{}' -- COMMAND`",
        state.name.replace('\'', r"'\''")
    );
    text
}

/// Versions, each with how many states, or the only one.
fn places(about: &[Placed<'_>]) -> String {
    let mut apps: Vec<(String, Vec<&str>)> = Vec::new();
    for placed in about {
        let app = placed.app.version.to_string();
        let state = placed.state.name.as_str();
        match apps.iter_mut().find(|(known, _)| *known == app) {
            Some((_, states)) => states.push(state),
            None => apps.push((app, vec![state])),
        }
    }
    let said = apps.iter().map(|(app, states)| match states.as_slice() {
        [one] => format!("{app} in `{one}`"),
        several => format!("{app} in {}", count(several.len(), "state")),
    });
    said.collect::<Vec<_>>().join(", ")
}

fn drawn(sign: char, tone: Tone) -> String {
    let ansi = tone.ansi();
    format!("{ansi}{sign}{ansi:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::example;

    #[test]
    fn it_is_a_table_with_what_does_not_hold() {
        let text = text(&example::matrix());
        let plain = anstream::adapter::strip_str(&text).to_string();
        let expected = "\
schema  state                  1.0.0  1.1.0  2.0.0
none    empty                      -      -      -
1.0.0   01-jobs.sql                ✓      -      -
        02-add.sql@ready           ✓      -      -
1.1.0   02-add.sql                 ✓      ✓      -
        03-index.sql@building      ✓      ✗      +
2.0.0   03-index.sql               -      ?      ✓

✓ must work, and does
+ works, and need not
- need not work, and does not
✗ must work, and does not
? not run
`2.0.0` keeps sessions open while the schema changes

✗ code 1.1.0 must work with schema 1.1.0, and fails in state `03-index.sql@building`: exit status 1
    ERROR:  relation \"jobs\" does not exist
    LINE 1: SELECT * FROM jobs;
  = note: after 1.2s; all of it is in /cache/compat/1.log
  = help: look at it yourself: `segue at '03-index.sql@building' -- COMMAND`

? not run: ended by SIGINT
  1.1.0 in `03-index.sql`

18 cells: 6 must work, 1 works, 9 need not work, 1 FAILS, 1 not run; 1 as seen by an earlier run
";
        assert_eq!(plain, expected);
    }
}
