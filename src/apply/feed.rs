//! Files read and cut on a thread of their own, so that the next statements
//! are there while the server still works on the last ones.

use tokio::sync::mpsc;

use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::Migration;
use crate::statement::{OwnedPiece, ReadError};
use crate::text::DataFiller;

/// What the thread has read.
pub(super) enum Feed {
    /// The migration of this index begins.
    Begin(usize),
    /// A piece of it.
    Piece(OwnedPiece),
    /// It ends.
    End,
    /// It cannot be read on.
    Failed(Box<Diagnostic>),
}

/// Pieces waiting to be sent: 4 MB of COPY data at most.
const PIECES_MAX: usize = 64;

/// Reads `migrations` one after another. Ends early when the receiver is
/// dropped.
pub(super) fn feed(migrations: Vec<Migration>) -> mpsc::Receiver<Feed> {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        // An error here is that nobody wants more.
        let _ = read(&migrations, &sender);
    });
    receiver
}

fn read(
    migrations: &[Migration],
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
        let mut filler = DataFiller::new(&migration.variables);
        for piece in statements {
            match piece {
                Ok(piece) => {
                    for piece in filled(piece, filler.as_mut()) {
                        sender.blocking_send(Feed::Piece(piece))?;
                    }
                }
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

/// Data with the values of variables; statements get them where their places
/// are kept, by [`super::failure::Placed::new`].
fn filled(piece: OwnedPiece, filler: Option<&mut DataFiller>) -> Vec<OwnedPiece> {
    let data = |data: Vec<u8>| (!data.is_empty()).then_some(OwnedPiece::CopyData(data));
    match (piece, filler) {
        (OwnedPiece::CopyData(chunk), Some(filler)) => {
            data(filler.push(&chunk)).into_iter().collect()
        }
        (end @ OwnedPiece::CopyEnd { .. }, Some(filler)) => {
            data(filler.finish()).into_iter().chain([end]).collect()
        }
        (piece, _) => vec![piece],
    }
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
