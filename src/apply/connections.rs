//! The connections of migrations' own, looked up before anything is planned.

use crate::diagnostic::{Diagnostic, code};
use crate::migration::Migration;
use crate::postgres::Target;
use crate::postgres::target::Environment;

/// Finds out where the migrations' own connections lead; one that cannot be
/// understood becomes a problem of its file.
pub fn look_up(migrations: &mut [Migration], environment: &Environment) {
    for migration in migrations {
        let Some(connection) = &mut migration.connection else {
            continue;
        };
        match Target::resolve(Some(&connection.string), environment) {
            Ok(target) => connection.place = Some(target.to_string()),
            Err(error) => {
                let problem = Diagnostic::new(
                    code::MALFORMED_ARGUMENT,
                    "the connection string cannot be understood",
                )
                .source(&migration.source)
                .label(connection.span, error.to_string());
                let problem = problem.conceal(&migration.variables);
                migration.problems.push(problem);
            }
        }
    }
}
