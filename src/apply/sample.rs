//! Puts the rows of a snapshot of data into a database at its version.

use std::time::Duration;

use super::failure::words;
use super::script::{self, ScriptError};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::Migration;
use crate::postgres::sample::load;
use crate::postgres::{Error, Session, Target};

/// Loads `script`, the snapshot's file, in one transaction; what is wrong with
/// it, if the server refuses it.
///
/// # Errors
/// The server or the connection failed.
pub async fn load(
    target: &Target,
    wait: Duration,
    script: &Migration,
) -> Result<Option<Box<Diagnostic>>, Error> {
    let session = Session::connect(target, wait).await?;
    let done = load_in(&session, script).await;
    session.close().await;
    match done {
        Ok(()) => Ok(None),
        Err(ScriptError::Failed(diagnostic)) => Ok(Some(diagnostic)),
        Err(ScriptError::File(error)) => {
            let diagnostic = Diagnostic::new(code::UNREADABLE, error.to_string());
            Ok(Some(Box::new(diagnostic.source(&script.source))))
        }
        Err(ScriptError::Postgres(Error::Server(error))) => {
            Ok(Some(Box::new(words(&error).source(&script.source))))
        }
        Err(ScriptError::Postgres(error)) => Err(error),
    }
}

async fn load_in(session: &Session, script: &Migration) -> Result<(), ScriptError> {
    let loading = load::begin(session).await?;
    script::run_in(session, script).await?;
    Ok(load::finish(session, loading).await?)
}
