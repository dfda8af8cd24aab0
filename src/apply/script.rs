//! A file of plain SQL, run statement by statement as psql would: what a
//! throwaway server is given before anything else.

use std::path::Path;
use std::time::Duration;

use super::failure::{Placed, failure};
use super::feed::{Feed, Feeding, feed};
use crate::diagnostic::Diagnostic;
use crate::files;
use crate::migration::Migration;
use crate::postgres::{Error, Session, Target, settings};
use crate::statement::{CopyDirection, OwnedPiece};

/// Why a script ended early; what came before its error stands.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] files::Error),
    /// It is not SQL, or the server refused a statement.
    #[error("{}", .0.message)]
    Failed(Box<Diagnostic>),
    /// The server or the connection failed.
    #[error(transparent)]
    Postgres(#[from] Error),
}

/// Runs the file at `path`, each statement by itself unless the file says
/// BEGIN. What it selects is discarded.
///
/// # Errors
/// See [`ScriptError`]; the first error ends it.
pub async fn run(target: &Target, wait: Duration, path: &Path) -> Result<(), ScriptError> {
    let script = files::script(path)?.map_err(ScriptError::Failed)?;
    let session = Session::connect(target, wait).await?;
    run_in(&session, &script).await?;
    session.close().await;
    Ok(())
}

/// As [`run`], of a file that is read already, in a session that is there.
///
/// # Errors
/// See [`ScriptError`].
pub(super) async fn run_in(session: &Session, script: &Migration) -> Result<(), ScriptError> {
    session.execute(settings::STRINGS).await?;
    let mut feed = feed(vec![script.clone()]);
    while let Some(next) = feed.recv().await {
        let statement = match next {
            Feed::Piece(OwnedPiece::Statement(statement)) => statement,
            Feed::Failed(diagnostic) => return Err(ScriptError::Failed(diagnostic)),
            _ => continue,
        };
        let is_copy = statement.copy == Some(CopyDirection::FromStdin);
        let placed = Placed::new(statement, &script.variables);
        let done = if is_copy {
            copy(session, &placed.text, &mut feed).await
        } else if placed.copy_to_stdout {
            session.copy_out(&placed.text).await
        } else {
            session.execute(&placed.text).await
        };
        match done {
            Err(Error::Server(error)) => {
                let diagnostic = failure(script, &placed, &error);
                return Err(ScriptError::Failed(Box::new(diagnostic)));
            }
            done => done?,
        }
        if placed.resets_strings {
            session.execute(settings::STRINGS).await?;
        }
    }
    Ok(())
}

/// Runs a `COPY … FROM STDIN` with the data that comes next.
pub(super) async fn copy(session: &Session, sql: &str, feed: &mut Feeding) -> Result<(), Error> {
    let mut copy = session.copy_in(sql).await?;
    while let Some(Feed::Piece(OwnedPiece::CopyData(data))) = feed.recv().await {
        if let Err(error) = copy.send(data.into()).await {
            // The server's own reason comes with the end of the data.
            return Err(copy.finish().await.err().unwrap_or(error));
        }
    }
    copy.finish().await.map(drop)
}
