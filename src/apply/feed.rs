//! Files read and cut on a thread of their own, so that the next statements
//! are there while the server still works on the last ones.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::{Migration, Name};
use crate::statement::{OwnedPiece, ReadError, RelationName, Statement, digest, fold};

/// What the thread has read.
pub(super) enum Feed {
    /// The migration of this index begins.
    Begin(usize),
    /// A piece of it.
    Piece(OwnedPiece),
    /// The next piece detaches this partition, and a CHECK is to be left behind.
    Detaches(RelationName),
    /// It ends.
    End,
    /// It cannot be read on.
    Failed(Box<Diagnostic>),
}

/// Pieces waiting to be sent: 4 MB of COPY data at most.
const PIECES_MAX: usize = 64;

/// Reads `migrations` one after another; of those in `folded`, the plain
/// equivalents. Ends early when the receiver is dropped.
pub(super) fn feed(migrations: Vec<Migration>, folded: BTreeSet<Name>) -> mpsc::Receiver<Feed> {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        // An error here is that nobody wants more.
        let _ = read(&migrations, &folded, &sender);
    });
    receiver
}

fn read(
    migrations: &[Migration],
    folded: &BTreeSet<Name>,
    sender: &mpsc::Sender<Feed>,
) -> Result<(), mpsc::error::SendError<Feed>> {
    for (index, migration) in migrations.iter().enumerate() {
        sender.blocking_send(Feed::Begin(index))?;
        let statements = match files::statements(migration) {
            Ok(statements) => statements,
            Err(error) => {
                let diagnostic = unreadable(migration, &error);
                return sender.blocking_send(Feed::Failed(diagnostic));
            }
        };
        for piece in statements {
            match piece {
                Ok(OwnedPiece::Statement(statement)) if folded.contains(&migration.name) => {
                    for next in plain(migration, statement) {
                        sender.blocking_send(next)?;
                    }
                }
                Ok(piece) => sender.blocking_send(Feed::Piece(piece))?,
                Err(error) => {
                    let diagnostic = match &error {
                        ReadError::Split(error) => {
                            let line = error.position.line;
                            let source = files::excerpt(migration, error.span, line);
                            Box::new(error.diagnostic(&source))
                        }
                        ReadError::Io(error) => unreadable(migration, error),
                    };
                    return sender.blocking_send(Feed::Failed(diagnostic));
                }
            }
        }
        sender.blocking_send(Feed::End)?;
    }
    Ok(())
}

/// A statement's plain equivalent. That it has one is known from the outline.
fn plain(migration: &Migration, mut statement: Statement) -> Vec<Feed> {
    let digest = digest(&statement.text);
    let folded = digest.and_then(|digest| fold(&statement.text, &digest));
    let Some(folded) = folded else {
        let source = files::excerpt(migration, statement.span, statement.position.line);
        let diagnostic = Diagnostic::new(
            code::UNREADABLE,
            format!("`{}` has changed since it was looked at", migration.name),
        )
        .source(&source)
        .label(statement.span, "refuses a transaction block")
        .help("run `segue up` again");
        return vec![Feed::Failed(Box::new(diagnostic))];
    };
    statement.text = folded.text;
    let detaches = folded.detaches.map(Feed::Detaches);
    let piece = Feed::Piece(OwnedPiece::Statement(statement));
    detaches.into_iter().chain([piece]).collect()
}

fn unreadable(migration: &Migration, error: &dyn std::error::Error) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::new(
            code::UNREADABLE,
            format!("cannot read `{}` any more", migration.name),
        )
        .source(&migration.source)
        .note(error.to_string()),
    )
}
