//! What the user says of statements whose outcome cannot be known.

use std::sync::{Arc, Mutex, PoisonError};

use super::ApplyError;
use crate::history::{History, State};
use crate::migration::Name;
use crate::postgres::ledger::{Intent, IntentState, Ledger};
use crate::postgres::{Error, Session};

/// What became of an interrupted statement, as the user has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done: go on after it.
    Done,
    /// It may run again.
    Redo,
}

impl Verdict {
    /// The option that says so.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Done => "--done",
            Self::Redo => "--redo",
        }
    }
}

/// What the user says of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose statement.
    pub name: Name,
    /// Which statement of the file, from 1.
    pub number: usize,
    /// What became of it.
    pub verdict: Verdict,
}

/// All that the user says; cheap to clone.
///
/// Each answer is about the try that is interrupted now, so it is taken once:
/// if the statement is interrupted again in the same run, that is another
/// question.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<Vec<Answer>>>);

impl Answers {
    /// These.
    #[must_use]
    pub fn new(answers: Vec<Answer>) -> Self {
        Self(Arc::new(Mutex::new(answers)))
    }

    /// Those that have not been taken.
    #[must_use]
    pub fn left(&self) -> Vec<Answer> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The answer about a statement of `name`, whichever it is.
    pub(super) fn about(&self, name: &Name) -> Option<Answer> {
        self.left().into_iter().find(|answer| answer.name == *name)
    }

    /// Takes the answer about one statement.
    pub(super) fn take(&self, name: &Name, number: usize) -> Option<Answer> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = answers
            .iter()
            .position(|answer| answer.name == *name && answer.number == number)?;
        Some(answers.remove(at))
    }

    /// Refuses answers to questions that nobody has asked, before anything runs.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] with what was interrupted instead.
    pub(super) async fn check(
        &self,
        session: &Session,
        ledger: &Ledger,
        history: &History,
    ) -> Result<(), ApplyError> {
        let answers = self.left();
        for (at, answer) in answers.iter().enumerate() {
            let others = &answers[..at];
            if others.iter().any(|other| other.name == answer.name) {
                let reason = format!("`{}` is answered twice", answer.name);
                return Err(refused(answer, &reason));
            }
            check_one(session, ledger, history, answer).await?;
        }
        Ok(())
    }
}

async fn check_one(
    session: &Session,
    ledger: &Ledger,
    history: &History,
    answer: &Answer,
) -> Result<(), ApplyError> {
    let name = &answer.name;
    let refuse = |reason: String| Err(refused(answer, &reason));
    // Also of a file that takes a migration back.
    let reverting = || history.reverting.get(&name.reverted()?);
    let record = history.records.get(name).or_else(reverting);
    match record.map(|record| &record.state) {
        Some(State::Begun | State::Failed(_)) => {}
        Some(State::Applied) => return refuse(format!("`{name}` is applied")),
        Some(State::Abandoned) => return refuse(format!("`{name}` is given up")),
        None => return refuse(format!("`{name}` has not begun")),
    }
    match interrupted(session, ledger, name).await? {
        Some(number) if number == answer.number => Ok(()),
        Some(number) => refuse(format!(
            "of `{name}` it is statement {number} that was interrupted"
        )),
        None => refuse(format!("no statement of `{name}` was interrupted")),
    }
}

/// The number of the statement whose last try did not end well, from 1.
async fn interrupted(
    session: &Session,
    ledger: &Ledger,
    name: &Name,
) -> Result<Option<usize>, Error> {
    let intents = ledger.intents(session, name).await?;
    let is_open =
        |intent: &&Intent| matches!(intent.state, IntentState::Begun | IntentState::Failed(_));
    let open = intents.iter().rev().find(is_open);
    Ok(open.map(|intent| intent.statement + 1))
}

fn refused(answer: &Answer, reason: &str) -> ApplyError {
    ApplyError::Refused {
        reason: format!(
            "`{} {}:{}` answers a question that is not asked: {reason}",
            answer.verdict.option(),
            answer.name,
            answer.number
        ),
        help: "leave it out: what segue cannot find out by itself it asks for, with the option to type"
            .to_owned(),
    }
}
