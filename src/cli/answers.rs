//! What the user says of statements whose outcome cannot be known.

use std::str::FromStr;

use clap::Args;

use crate::apply::{Answer, Answers, Verdict};
use crate::migration::Name;

/// Options that answer what segue asked when an interrupted statement could
/// not be resolved.
#[derive(Args, Clone, Debug, Default)]
pub struct AnswerArgs {
    /// Run this interrupted statement again: its file's name, and which statement it is, from 1
    ///
    /// For a statement that commits by itself, `CALL` for example, and was interrupted: what it has
    /// done cannot be known. segue asks, and names the statement. `-- segue: rerunnable` at the top
    /// of the file gives this answer once and for all.
    #[arg(long, value_name = "NAME:N")]
    pub redo: Vec<StatementArg>,

    /// Count this interrupted statement as done, and go on after it
    #[arg(long, value_name = "NAME:N")]
    pub done: Vec<StatementArg>,
}

impl AnswerArgs {
    /// As the run takes them.
    #[must_use]
    pub fn answers(&self) -> Answers {
        let with = |statements: &[StatementArg], verdict| {
            let answer = move |statement: &StatementArg| Answer {
                name: Name::new(&statement.name),
                number: statement.number,
                verdict,
            };
            statements.iter().map(answer).collect::<Vec<_>>()
        };
        let mut answers = with(&self.redo, Verdict::Redo);
        answers.extend(with(&self.done, Verdict::Done));
        Answers::new(answers)
    }
}

/// A statement of a migration, `2-tail.sql:3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementArg {
    /// The file's name.
    name: String,
    /// Which statement, from 1.
    number: usize,
}

impl FromStr for StatementArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.rsplit_once(':').ok_or_else(|| {
            "write the file's name, a colon and the statement's number".to_owned()
        })?;
        match number.parse() {
            Ok(number @ 1..) if !name.is_empty() => Ok(Self {
                name: name.to_owned(),
                number,
            }),
            _ => Err(format!(
                "`{number}` is no number of a statement: they count from 1"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_named_by_file_and_number() {
        let read = |text: &str| {
            text.parse::<StatementArg>()
                .map(|one| (one.name, one.number))
        };
        assert_eq!(read("a:b.sql:12"), Ok(("a:b.sql".to_owned(), 12)));
        let no_number = "is no number of a statement: they count from 1";
        assert_eq!(read("a.sql:0"), Err(format!("`0` {no_number}")));
        assert_eq!(read("a.sql:x"), Err(format!("`x` {no_number}")));
        assert_eq!(
            read("a.sql"),
            Err("write the file's name, a colon and the statement's number".to_owned())
        );
    }
}
