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

/// ` in one transaction`; where they go different ways, how many go which:
/// `, 2 in one transaction and 1 outside a transaction`
fn how(reversal: &Reversal) -> String {
    let (mut blocks, mut inside, mut outside) = (0, 0, 0);
    for step in &reversal.steps {
        match step {
            Step::Block(block) => {
                blocks += 1;
                inside += block.migrations.len();
            }
            _ => outside += 1,
        }
    }
    let transactions = match blocks {
        1 => "in one transaction".to_owned(),
        blocks => format!("in {blocks} transactions"),
    };
    let ways = [
        (inside, transactions.as_str()),
        (outside, "outside a transaction"),
        (reversal.rows.len(), "of which nothing is left"),
    ];
    let ways: Vec<_> = ways.into_iter().filter(|(number, _)| *number > 0).collect();
    match ways.as_slice() {
        [] => String::new(),
        [(_, way)] => format!(" {way}"),
        ways => {
            let ways: Vec<String> = ways
                .iter()
                .map(|(number, way)| format!("{number} {way}"))
                .collect();
            let (last, others) = ways.split_last().expect("more than one");
            format!(", {} and {last}", others.join(", "))
        }
    }
}
