//! Exit statuses: documented, never reused. `segue explain STATUS` and the
//! reference in `docs/cli.md` read this table.

use std::process::ExitCode;

use crate::apply::Signal;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 0
    Done,
    /// 1
    No,
    /// 2
    Usage,
    /// 3
    Invalid,
    /// 4
    Failed,
    /// 5
    TimedOut,
    /// 6
    Unsettled,
    /// 126
    NotExecutable,
    /// 127
    NotFound,
    /// 130
    Interrupted,
    /// 143
    Terminated,
    /// Whatever the command of `segue at` ended with; 128 and the signal's
    /// number if one ended it.
    Command(u8),
}

impl Outcome {
    /// All of them, by status, but those that are not ours to choose.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::No,
        Self::Usage,
        Self::Invalid,
        Self::Failed,
        Self::TimedOut,
        Self::Unsettled,
        Self::NotExecutable,
        Self::NotFound,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The exit status.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Failed => 4,
            Self::TimedOut => 5,
            Self::Unsettled => 6,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Command(status) => status,
        }
    }

    /// One word for programs, `timed-out` for example.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::No => "no",
            Self::Usage => "usage",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Unsettled => "unsettled",
            Self::NotExecutable => "not-executable",
            Self::NotFound => "not-found",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
            Self::Command(_) => "command",
        }
    }

    /// One line for people.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::No => "worked, and the answer is no",
            Self::Usage => "usage or configuration is wrong; nothing was done",
            Self::Invalid => "migration files are invalid; nothing was done",
            Self::Failed => "failed before ready; the message says what stands",
            Self::TimedOut => "a wait reached its bound",
            Self::Unsettled => {
                "ready, but the tail is not done, or a command of --on-ready or --on-settled failed"
            }
            Self::NotExecutable => "the command of `wait --exec` or `at` cannot be run",
            Self::NotFound => "the command of `wait --exec` or `at` is not found",
            Self::Interrupted => "ended by SIGINT, nothing changed",
            Self::Terminated => "ended by SIGTERM, nothing changed",
            Self::Command(_) => "what the command of `at` ended with",
        }
    }

    /// What a pipeline should make of it, a paragraph.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Done => {
                "What was asked for is done. `segue up` with nothing to do ends so too, and so \
                 does one on a database that is ahead of the folder."
            }
            Self::No => {
                "The command worked and its answer is no: `segue wait` saw the deployment fail \
                 that it was waiting for, or superseded, `segue verify` found another schema than the expected \
                 one, `segue check` or `segue lint` has findings, `segue gate` forbids."
            }
            Self::Usage => {
                "An argument, an environment variable, `segue.toml` or the connection string \
                 cannot be used, or the database is one that segue refuses to work on. Running it \
                 again without a change gives the same."
            }
            Self::Invalid => {
                "Migration files have errors, or do not fit what has been applied. All of them \
                 were told in one run, with file, line and column. The database is as it was."
            }
            Self::Failed => {
                "The deployment is not ready: a migration failed, or the schema would not be as \
                 expected. The transaction was rolled back; what earlier transactions of the same run had committed stands and is named. \
                 Correct the cause and run `segue up` again: it goes on from there."
            }
            Self::TimedOut => {
                "Something was waited for until the bound was reached: a lock, another run, a \
                 concurrent migration elsewhere, readiness. The message names what it was and the \
                 option that sets the bound. Running it again goes on waiting."
            }
            Self::Unsettled => {
                "The deployment is ready and the new code may serve. Its concurrent migrations are \
                 not done: one failed, or the run was told to end while the server goes on \
                 building; or they are done, and the schema is not as expected. `segue settle` \
                 finishes what is left and checks again; so does the next `segue up`. Or a command \
                 that `--on-ready` or `--on-settled` names has failed: running the same again runs \
                 it again."
            }
            Self::NotExecutable => {
                "What `segue wait` was waiting for has come, or the state that `segue at` was asked for \
                 is there, and so is the command, but it cannot be run, for lack of the right to, \
                 for example. Shells say 126 too."
            }
            Self::NotFound => {
                "What `segue wait` was waiting for has come, or the state that `segue at` was asked for \
                 is there, and there is no such command as the one that was to be run. Shells say \
                 127 too."
            }
            Self::Interrupted => {
                "SIGINT, Ctrl-C for example, came before anything was committed: what was under \
                 way was rolled back. 130 is 128 and the signal's number."
            }
            Self::Terminated => {
                "SIGTERM came before anything was committed: what was under way was rolled back. \
                 143 is 128 and the signal's number."
            }
            Self::Command(_) => {
                "The command that `segue at` has run ended with this status, or by a signal, whose \
                 number it is with 128 added."
            }
        }
    }

    /// The outcome with this status.
    #[must_use]
    pub fn with_status(status: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.status() == status)
    }
}

impl From<Signal> for Outcome {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::Interrupted,
            Signal::Terminate => Self::Terminated,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_are_those_that_scripts_rely_on() {
        assert_eq!(
            Outcome::ALL.map(Outcome::status),
            [0, 1, 2, 3, 4, 5, 6, 126, 127, 130, 143]
        );
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::with_status(outcome.status()), Some(outcome));
        }
        assert_eq!(Outcome::with_status(7), None);
    }
}
