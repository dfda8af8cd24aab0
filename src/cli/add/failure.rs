//! Why nothing was added, in words.

use std::path::Path;

use crate::apply::add::{AddError, Remains};
use crate::apply::{ApplyError, Signal};
use crate::cli::error::{Error, with_causes};
use crate::cli::outcome::Outcome;
use crate::cli::report::phrase;
use crate::migration::Name;

/// As told to people; `file` is what they wanted to add.
pub(super) fn error(error: AddError, file: &Path) -> Error {
    let file = word(&file.display().to_string());
    let untouched = format!("`{file}`, the migrations and the expected schema are as they were");
    match error {
        AddError::Invalid(diagnostics) => Error::diagnostics(Outcome::Invalid, diagnostics),
        AddError::Refused { reason, help } => Error::usage(reason).help(help),
        AddError::Ahead { missing, copies } => copies.iter().fold(Error::usage(format!(
            "the database has {} that the folder lacks: {}",
            phrase::count(missing.len(), "migration"),
            phrase::names(&missing)
        ))
        .note("what they made would become part of the expected schema"), |problem, copy| {
            problem.help(format!("`{}` is what a `segue add` that was stopped has left: add that file again, as it was", copy.display()))
        })
        .help("bring their files in, use another development database, or `--throwaway`; `--on-mismatch warn` goes on all the same"),
        AddError::Drift {
            major,
            older,
            is_replayed,
            ..
        } => {
            let message = if is_replayed {
                format!("the migrations do not make the expected schema, on PostgreSQL {major}")
            } else {
                "the development database does not have the expected schema, even before the new migration".to_owned()
            };
            let problem = Error::new(Outcome::Failed, message).note(untouched);
            let problem = applied_before(problem, &older);
            if is_replayed {
                problem.help("a migration was edited, or the expected schema was not written: `segue write-schema --throwaway` writes it")
            } else {
                problem.help("undo the difference, or use a fresh database or `--throwaway`")
                    .help("if the expected schema lacks what an older migration does: `segue write-schema`; `--on-mismatch warn` takes the difference into it, too")
            }
        }
        AddError::Older(error) => {
            let mut problem = Error::from(*error);
            problem.helps.clear();
            problem
                .note(untouched)
                .help(format!("correct what is wrong with the older one, then `segue add {file}`"))
        }
        AddError::Failed {
            error,
            older,
            remains,
            replayed_on: None,
        } => failed(*error, &older, &remains, &file).note(untouched),
        AddError::Failed {
            error,
            replayed_on: Some(major),
            ..
        } => {
            let mut problem = failed(*error, &[], &[], &file);
            problem.notes = vec![format!("this was on PostgreSQL {major}"), untouched];
            problem
        }
        AddError::Applied {
            name,
            path,
            error,
        } => applied(&name, path.as_deref(), &error, &file),
        AddError::Draft(error) if error.is_missing() => {
            Error::usage(with_causes(&error)).help("name a file that is there")
        }
        AddError::Draft(error) => Error::usage(with_causes(&error)).note(untouched),
        AddError::Expected(error) => Error::usage(with_causes(&error)).note(untouched),
        AddError::Files(error) => error.into(),
        AddError::Postgres(error) => Error::from(error).note(untouched),
        AddError::Apply(error) => {
            let help = match *error {
                ApplyError::TimedOut { option, .. } => {
                    Some(format!("`{option}` sets how long to wait"))
                }
                _ => None,
            };
            let is_waited = help.is_some() || matches!(*error, ApplyError::Interrupted { .. });
            let mut problem = Error::from(*error);
            if is_waited {
                // They are about a deployment.
                problem.notes.clear();
                problem.helps.clear();
            }
            problem.helps.extend(help);
            problem.note(untouched)
        }
    }
}

/// As an argument in a shell.
fn word(text: &str) -> String {
    let is_plain = |character: char| {
        character.is_alphanumeric() || matches!(character, '/' | '.' | '-' | '_' | '+' | ',' | '@')
    };
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn applied_before(problem: Error, older: &[Name]) -> Error {
    if older.is_empty() {
        problem
    } else {
        problem.note(format!(
            "applied before this: {}, which {} pending",
            phrase::names(older),
            if older.len() == 1 { "was" } else { "were" }
        ))
    }
}

/// The new migration failed.
fn failed(error: ApplyError, older: &[Name], remains: &[Remains], file: &str) -> Error {
    let mut problem = match error {
        ApplyError::Partly { error, .. } => return failed(*error, older, remains, file),
        ApplyError::Migration { diagnostic, .. } => {
            Error::diagnostics(Outcome::Failed, vec![*diagnostic])
                .help(format!("correct it, then `segue add {file}` again"))
        }
        ApplyError::Interrupted { signal, .. } => {
            // 130 and 143 promise that nothing has changed.
            let outcome = if older.is_empty() && remains.is_empty() {
                signal.into()
            } else {
                Outcome::Failed
            };
            let name = match signal {
                Signal::Interrupt => "SIGINT",
                Signal::Terminate => "SIGTERM",
            };
            Error::new(outcome, format!("ended by {name}"))
        }
        error => {
            let mut problem = Error::from(error);
            problem.notes.clear();
            problem
        }
    };
    problem = applied_before(problem, older);
    for left in remains {
        problem = problem.note(format!("left in the database: {}", left.what));
        if let Some(undo) = &left.undo {
            problem = problem.help(format!("`{undo}` removes that"));
        }
    }
    if remains.is_empty() {
        problem = problem.note("nothing of it is left in the database");
    }
    problem
}

/// It is applied, and what follows failed.
fn applied(name: &Name, path: Option<&Path>, error: &AddError, file: &str) -> Error {
    let problem = Error::new(
        Outcome::Failed,
        format!("`{name}` is applied, but: {}", with_causes(error)),
    );
    match path {
        Some(path) => problem
            .note(format!("it is in its place, `{}`", path.display()))
            .help("`segue write-schema` writes the expected schema"),
        None => problem
            .note(format!("`{file}` is where it was"))
            .help(format!(
                "`segue add {file}` again goes on from there, and applies nothing twice"
            )),
    }
}
