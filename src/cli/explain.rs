//! `segue explain`

use std::fmt::Write as _;

use clap::Args;

use super::error::Error;
use super::outcome::Outcome;
use super::report;
use crate::diagnostic::Code;
use crate::diagnostic::code;
use crate::directive;
use crate::lint::{self, Rule};
use crate::text::nearest;

/// Explain a directive, a rule of `lint`, the code of a problem, or an exit status
///
/// Without an argument, lists all of them.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// `no-txn`, `unknown-migration` or `6`, for example
    #[arg(value_name = "DIRECTIVE|RULE|CODE|STATUS")]
    pub subject: Option<String>,
}

/// SQLSTATE of `segue.require`, as it stands in the log of an application.
const REFUSED: &str = "SV001";

/// Runs the command.
///
/// # Errors
/// A subject that nobody knows.
pub fn run(args: &ExplainArgs) -> Result<Outcome, Error> {
    let text = match &args.subject {
        None => list(),
        Some(subject) => explain(subject)?,
    };
    report::result(&text)?;
    Ok(Outcome::Done)
}

/// The page of a directive or rule, else the paragraph of a code or a status.
fn explain(subject: &str) -> Result<String, Error> {
    if let Some(page) = directive::page(subject) {
        return Ok(page.to_owned());
    }
    if let Some(rule) = Rule::named(subject) {
        return Ok(rule.page.to_owned());
    }
    if let Some(found) = Code::named(subject) {
        return Ok(format!("# {subject}\n\n{}\n", found.explanation()));
    }
    if subject.eq_ignore_ascii_case(REFUSED) {
        return Ok(include_str!("explain/refused.md").to_owned());
    }
    let status = subject.parse().ok().and_then(Outcome::with_status);
    if let Some(outcome) = status {
        return Ok(format!(
            "# Exit status {subject}: {}\n\n{}\n",
            outcome.summary(),
            outcome.explanation()
        ));
    }
    let names = directive::TABLE
        .iter()
        .map(|entry| entry.name)
        .chain(lint::TABLE.iter().map(|rule| rule.name))
        .chain(code::TABLE.iter().map(|code| code.as_str()))
        .chain([REFUSED]);
    let error = Error::usage(format!(
        "`{subject}` is neither a directive, a rule, a code nor an exit status"
    ));
    Err(match nearest(subject, names) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`segue explain` lists all of them"),
    })
}

fn list() -> String {
    let mut text = String::from("Directives\n");
    for entry in directive::TABLE {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "  {}", entry.name);
    }
    text.push_str("\nRules of `segue lint`\n");
    for rule in lint::TABLE {
        let _ = writeln!(text, "  {}", rule.name);
    }
    text.push_str("\nCodes of problems\n");
    for code in code::TABLE {
        let _ = writeln!(text, "  {code}");
    }
    text.push_str("\nSQLSTATE of `segue.require`\n");
    let _ = writeln!(text, "  {REFUSED}");
    text.push_str("\nExit statuses\n");
    for outcome in Outcome::ALL {
        let _ = writeln!(text, "  {:<4} {}", outcome.status(), outcome.summary());
    }
    text
}
