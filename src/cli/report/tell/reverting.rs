//! What is taken back, in a few lines.

use crate::cli::report::line::Line;
use crate::cli::report::phrase::{count, names};
use crate::plan::Step;
use crate::reversal::{Reversal, To};

/// The lines that it is worth; `again` if it was told before.
pub(super) fn reverting(reversal: &Reversal, is_unverified: bool, again: bool) -> Vec<Line> {
    if reversal.is_empty() {
        let text = match &reversal.to {
            To::Empty => "nothing is applied".to_owned(),
            To::Migration(name) => format!("nothing was applied after `{name}`"),
        };
        return vec![Line::done("Up to date", text)];
    }
    let mut lines: Vec<Line> = Vec::new();
    if !again {
        let facts = reversal.facts.iter();
        lines.extend(facts.map(|fact| Line::notable("Note", fact.to_string())));
    }
    let verb = if again { "Planned anew" } else { "Planned" };
    let what = count(reversal.names.len(), "migration");
    let how = how(reversal);
    let list = names(&reversal.names);
    let to = &reversal.to;
    lines.push(Line::active(
        verb,
        format!("back to {to}: {what}{how}, newest first: {list}"),
    ));
    if is_unverified && !again {
        lines.push(Line::notable(
            "Not verified",
            format!("no deployment has kept what the schema is at {to}"),
        ));
    }
    lines
}

/// ` in one transaction`, ` in 2 transactions and 1 file outside a transaction`
fn how(reversal: &Reversal) -> String {
    let (mut blocks, mut standalone) = (0, 0);
    for step in &reversal.steps {
        match step {
            Step::Standalone(_) => standalone += 1,
            _ => blocks += 1,
        }
    }
    let mut parts = Vec::new();
    match blocks {
        0 => {}
        1 => parts.push("in one transaction".to_owned()),
        blocks => parts.push(format!("in {blocks} transactions")),
    }
    if standalone > 0 {
        let files = count(standalone, "file");
        parts.push(format!("{files} outside a transaction"));
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!(" {}", parts.join(" and "))
    }
}
