//! Why a command ends without having done what was asked for.

use super::outcome::Outcome;
use crate::apply::rehearse::RehearseError;
use crate::apply::script::ScriptError;
use crate::apply::visit::VisitError;
use crate::apply::{ApplyError, GaveUp, Mismatch, human};
use crate::diagnostic::Diagnostic;
use crate::files;
use crate::files::expected;
use crate::migration::Name;
use crate::postgres;
use crate::postgres::activity::Blocker;
use crate::postgres::connect::ConnectError;
use crate::postgres::target::TargetError;
use crate::postgres::throwaway;

/// What is told, and the exit status that goes with it.
#[derive(Debug)]
pub struct Error {
    /// The exit status.
    pub outcome: Outcome,
    /// Problems in files; may be empty.
    pub diagnostics: Vec<Diagnostic>,
    /// Lower case, no final period; `None` if the diagnostics say it all.
    pub message: Option<String>,
    /// Further facts: what stands.
    pub notes: Vec<String>,
    /// What to do or type, and what running again will do.
    pub helps: Vec<String>,
    /// Sessions in whose way the command gave up.
    pub blockers: Vec<Blocker>,
}

impl Error {
    /// A problem outside of any file.
    #[must_use]
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            outcome,
            diagnostics: Vec::new(),
            message: Some(message.into()),
            notes: Vec::new(),
            helps: Vec::new(),
            blockers: Vec::new(),
        }
    }

    /// Usage or configuration.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Outcome::Usage, message)
    }

    /// Problems in files.
    #[must_use]
    pub fn diagnostics(outcome: Outcome, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            outcome,
            diagnostics,
            message: None,
            notes: Vec::new(),
            helps: Vec::new(),
            blockers: Vec::new(),
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    /// Says what stands of a run that ended before it was ready.
    fn stands(self, committed: &[Name], partly: Option<&Partly>) -> Self {
        let problem = match committed {
            [] if partly.is_some() => self,
            [] => self.note("nothing was committed: the database is as it was"),
            [one] => self.note(format!("committed before this: `{one}`")),
            [first, .., last] => self.note(format!(
                "committed before this: {} migrations, `{first}` to `{last}`",
                committed.len()
            )),
        };
        match partly {
            None => problem,
            Some(partly) => problem.note(match partly.statements {
                1 => format!("committed: the first statement of `{}`", partly.name),
                count => format!(
                    "committed: the first {count} statements of `{}`",
                    partly.name
                ),
            }),
        }
    }
}

/// What is committed of a migration that is not done.
struct Partly {
    name: Name,
    statements: usize,
}

/// What running again does, given what stands.
fn again(command: Command, committed: &[Name], partly: Option<&Partly>) -> String {
    let command = command.as_str();
    if committed.is_empty() && partly.is_none() {
        format!("`segue {command}` starts afresh")
    } else {
        format!("`segue {command}` goes on after what is committed")
    }
}

/// What to do where the schema is not the one from before.
fn reverted_wrong(mismatch: &Mismatch, again: &str) -> String {
    if mismatch.difference.is_empty() {
        return format!(
            "the files that take back are not to blame: it was so before this run; undo that change, then {again}, or `--on-mismatch warn` leaves it"
        );
    }
    if mismatch.is_committed {
        return "all files that take back have run: bring the schema back by hand, or `segue revert --on-mismatch warn` leaves it as it is; or `segue up`, correct the files, and revert again".to_owned();
    }
    format!(
        "correct the files that take back, then {again}; `--on-mismatch warn` leaves the schema as they make it"
    )
}

/// Which command an error is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Up,
    Revert,
}

impl Command {
    fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Revert => "revert",
        }
    }
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Partly {
                name,
                statements,
                error,
            } => Self::of_run(Command::Up, *error, Some(&Partly { name, statements })),
            error => Self::of_run(Command::Up, error, None),
        }
    }
}

impl Error {
    /// Another try was not due in time.
    fn gave_up(gave_up: GaveUp) -> Self {
        let GaveUp {
            what,
            blockers,
            after,
        } = gave_up;
        let message = format!("gave up after {} while waiting for {what}", human(&after));
        Self {
            notes: blockers.iter().map(Blocker::remedy_of).collect(),
            blockers,
            ..Self::new(Outcome::TimedOut, message)
        }
    }

    /// Of a run that takes migrations back.
    pub(super) fn of_reversal(error: ApplyError) -> Self {
        match error {
            ApplyError::Partly {
                name,
                statements,
                error,
            } => {
                let partly = Partly { name, statements };
                Self::of_run(Command::Revert, *error, Some(&partly))
            }
            error => Self::of_run(Command::Revert, error, None),
        }
    }

    fn of_run(command: Command, error: ApplyError, partly: Option<&Partly>) -> Self {
        match error {
            ApplyError::Partly { error, .. } => Self::of_run(command, *error, partly),
            ApplyError::Invalid(diagnostics) => Self::diagnostics(Outcome::Invalid, diagnostics),
            ApplyError::Migration {
                diagnostic,
                committed,
            } => Self::diagnostics(Outcome::Failed, vec![*diagnostic])
                .stands(&committed, partly)
                .help(format!(
                    "correct the {}, then {}",
                    match command {
                        Command::Up => "migration",
                        Command::Revert => "file that takes back",
                    },
                    again(command, &committed, partly)
                )),
            ApplyError::Conflict {
                diagnostic,
                committed,
            } => Self::diagnostics(Outcome::Failed, vec![*diagnostic])
                .stands(&committed, partly)
                .help(again(command, &committed, partly)),
            ApplyError::Mismatch {
                mismatch,
                committed,
            } => {
                let error =
                    Self::new(Outcome::Failed, mismatch.summary()).stands(&committed, partly);
                let again = again(command, &committed, partly);
                error.help(match command {
                    Command::Up => format!(
                        "correct the migrations or the expected schema, then {again}; `--on-mismatch warn` makes the deployment ready all the same"
                    ),
                    Command::Revert => reverted_wrong(&mismatch, &again),
                })
            }
            ApplyError::TimedOut {
                what,
                after,
                option,
                committed,
            } => Self::new(
                Outcome::TimedOut,
                format!("gave up after {} while waiting for {what}", human(&after)),
            )
            .stands(&committed, partly)
            .help(format!(
                "{}; `{option}` sets how long to wait",
                again(command, &committed, partly)
            )),
            ApplyError::Blocked { gave_up, committed } => Self::gave_up(gave_up)
                .stands(&committed, partly)
                .help(format!(
                    "{}; `--retry-for` sets how long to wait",
                    again(command, &committed, partly)
                )),
            ApplyError::CommitUnknown { after, committed } => {
                let mut error = Self::new(
                    Outcome::TimedOut,
                    format!(
                        "gave up after {} while waiting for the server's answer to COMMIT",
                        human(&after)
                    ),
                )
                .note("the transaction is complete: it may be committed already, or become so later, as a whole");
                if !committed.is_empty() {
                    error = error.stands(&committed, partly);
                }
                error.help(format!(
                    "`segue {}` finds out and goes on from there; `--commit-wait` sets how long to wait",
                    command.as_str()
                ))
            }
            ApplyError::Interrupted { signal, committed } => {
                // 130 and 143 promise that nothing has changed.
                let outcome = if committed.is_empty() && partly.is_none() {
                    signal.into()
                } else {
                    Outcome::Failed
                };
                Self::new(outcome, format!("ended by {}", signal_name(signal)))
                    .stands(&committed, partly)
                    .help(again(command, &committed, partly))
            }
            ApplyError::Refused { reason, help } => Self::usage(reason).help(help),
            ApplyError::Postgres(error) => error.into(),
        }
    }
}

fn signal_name(signal: crate::apply::Signal) -> &'static str {
    match signal {
        crate::apply::Signal::Interrupt => "SIGINT",
        crate::apply::Signal::Terminate => "SIGTERM",
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Connect(error) => error.into(),
            postgres::Error::Server(server) => {
                let mut problem = Self::new(Outcome::Failed, server.to_string());
                problem.notes.extend(server.detail.clone());
                problem.helps.extend(server.hint.clone());
                if server.is_poolers() {
                    problem = problem.help(
                        "this is a pooler's word: give the URL of the server itself as `--direct-url` or SEGUE_DIRECT_URL",
                    );
                }
                problem
            }
            postgres::Error::Pooled(pooled) => {
                let help = pooled.help();
                Self::usage(pooled.to_string()).help(help)
            }
            error @ (postgres::Error::Lost(_) | postgres::Error::Protocol(_)) => {
                Self::new(Outcome::Failed, error.to_string())
            }
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let mut problem = Self::new(Outcome::Failed, error.to_string());
        problem.helps.extend(error.help());
        problem
    }
}

impl From<files::Error> for Error {
    fn from(error: files::Error) -> Self {
        let is_missing = error.is_missing();
        let problem = Self::usage(with_causes(&error));
        if is_missing {
            problem.help("`--migrations DIR` or `SEGUE_MIGRATIONS` names another folder")
        } else {
            problem
        }
    }
}

impl From<expected::Error> for Error {
    fn from(error: expected::Error) -> Self {
        const SHOWN_MAX: usize = 10;
        let expected::Error::Malformed(problems) = &error else {
            let outcome = match error {
                expected::Error::Locked { .. } => Outcome::TimedOut,
                _ => Outcome::Usage,
            };
            return Self::new(outcome, with_causes(&error));
        };
        let mut problem = Self::usage("the expected schema has files that segue does not write");
        problem.notes = problems
            .iter()
            .take(SHOWN_MAX)
            .map(ToString::to_string)
            .collect();
        if problems.len() > SHOWN_MAX {
            problem = problem.note(format!("and {} more", problems.len() - SHOWN_MAX));
        }
        problem.help(
            "correct or remove them; after a merge, `segue write-schema --throwaway` writes all of \
             it anew",
        )
    }
}

/// An error and its causes in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        let mut problem = Self::usage(error.to_string());
        problem.helps.extend(error.help());
        problem
    }
}

impl From<ScriptError> for Error {
    fn from(error: ScriptError) -> Self {
        let error = match error {
            ScriptError::File(error) => Self::usage(with_causes(&error)),
            ScriptError::Failed(diagnostic) => Self::diagnostics(Outcome::Usage, vec![*diagnostic]),
            ScriptError::Postgres(error) => error.into(),
        };
        error.note("the file is `before` of `[throwaway]` in segue.toml; nothing else was run")
    }
}

impl From<RehearseError> for Error {
    fn from(error: RehearseError) -> Self {
        match error {
            RehearseError::Throwaway(error) => error.into(),
            RehearseError::Script(error) => error.into(),
            RehearseError::Apply(error) => Self {
                // What a replay leaves behind is nobody's.
                notes: Vec::new(),
                helps: Vec::new(),
                ..error.into()
            },
            RehearseError::Postgres(error) => error.into(),
            error @ (RehearseError::Process(_) | RehearseError::Crash(_)) => {
                Self::new(Outcome::Failed, error.to_string())
            }
        }
    }
}

impl From<VisitError> for Error {
    fn from(error: VisitError) -> Self {
        let message = error.to_string();
        match error {
            VisitError::Throwaway(error) => error.into(),
            VisitError::Script(error) => error.into(),
            VisitError::Failed { diagnostics, .. } => Self {
                message: Some(message),
                ..Self::diagnostics(Outcome::Failed, diagnostics)
            },
            VisitError::NothingBuilt { .. } => Self::usage(message).help(
                "it has nothing to build in this state: the table is partitioned and has no partitions, for example",
            ),
            VisitError::NoRows { file, .. } => Self::usage(message)
                .help(format!("put rows into it by `{file}`, plain SQL that is run for it")),
            VisitError::Ended { .. } => Self::new(Outcome::Failed, message),
            VisitError::File(error) => Self::usage(with_causes(&error)),
            VisitError::Apply(error) => Self {
                // What is left behind is nobody's.
                notes: Vec::new(),
                helps: Vec::new(),
                ..error.into()
            },
            VisitError::Postgres(error) => error.into(),
        }
    }
}

impl From<throwaway::Error> for Error {
    fn from(error: throwaway::Error) -> Self {
        let outcome = match &error {
            throwaway::Error::NoServer { .. }
            | throwaway::Error::WrongBin { .. }
            | throwaway::Error::NoMajor { .. }
            | throwaway::Error::ReservedSetting { .. } => Outcome::Usage,
            throwaway::Error::Supervisor { .. }
            | throwaway::Error::SupervisorEnded { .. }
            | throwaway::Error::Start(_) => Outcome::Failed,
        };
        Self::new(outcome, with_causes(&error))
    }
}
