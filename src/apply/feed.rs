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

/// Loads on their way: 4 MB at most, but for single statements larger than a
/// load.
const LOADS_MAX: usize = 32;

/// A load is sent when it has so many bytes or pieces. Waking the other thread
/// for each of a hundred thousand statements would take longer than they do.
const LOAD_BYTES: usize = 64 * 1024;
const LOAD_PIECES: usize = 512;

/// What the thread reads, in order.
pub(super) struct Feeding {
    loads: mpsc::Receiver<Vec<Feed>>,
    load: std::vec::IntoIter<Feed>,
}

impl Feeding {
    /// The next one; `None` after the last, or if the thread has panicked.
    /// Nothing is lost if the future is dropped.
    pub(super) async fn recv(&mut self) -> Option<Feed> {
        loop {
            if let Some(next) = self.load.next() {
                return Some(next);
            }
            self.load = self.loads.recv().await?.into_iter();
        }
    }
}

/// Reads `migrations` one after another. Ends early when what it returns is
/// dropped.
pub(super) fn feed(migrations: Vec<Migration>) -> Feeding {
    let (sender, loads) = mpsc::channel(LOADS_MAX);
    tokio::task::spawn_blocking(move || {
        let mut out = Out {
            sender,
            load: Vec::new(),
            bytes: 0,
        };
        // An error here is that nobody wants more.
        let _ = read(&migrations, &mut out).and_then(|()| out.flush());
    });
    Feeding {
        loads,
        load: Vec::new().into_iter(),
    }
}

/// Collects loads and sends them.
struct Out {
    sender: mpsc::Sender<Vec<Feed>>,
    load: Vec<Feed>,
    bytes: usize,
}

/// Nobody wants more.
struct Unwanted;

impl Out {
    fn send(&mut self, next: Feed) -> Result<(), Unwanted> {
        self.bytes += match &next {
            Feed::Piece(OwnedPiece::Statement(statement)) => statement.text.len(),
            Feed::Piece(OwnedPiece::CopyData(data)) => data.len(),
            _ => 0,
        };
        self.load.push(next);
        if self.bytes >= LOAD_BYTES || self.load.len() >= LOAD_PIECES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Unwanted> {
        self.bytes = 0;
        let load = std::mem::take(&mut self.load);
        self.sender.blocking_send(load).map_err(|_| Unwanted)
    }
}

fn read(migrations: &[Migration], out: &mut Out) -> Result<(), Unwanted> {
    for (index, migration) in migrations.iter().enumerate() {
        out.send(Feed::Begin(index))?;
        let statements = match files::statements(migration) {
            Ok(statements) => statements,
            Err(error) => {
                let diagnostic = unreadable(migration, &error);
                return out.send(Feed::Failed(diagnostic));
            }
        };
        let mut filler = DataFiller::new(&migration.variables);
        for piece in statements {
            match piece {
                Ok(piece) => {
                    for piece in filled(piece, filler.as_mut()) {
                        out.send(Feed::Piece(piece))?;
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
                    return out.send(Feed::Failed(diagnostic));
                }
            }
        }
        out.send(Feed::End)?;
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
