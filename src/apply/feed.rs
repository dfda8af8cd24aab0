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

/// Reads `migrations` one after another; of those in `folded`, the plain
/// equivalents. Ends early when what it returns is dropped.
pub(super) fn feed(migrations: Vec<Migration>, folded: BTreeSet<Name>) -> Feeding {
    let (sender, loads) = mpsc::channel(LOADS_MAX);
    tokio::task::spawn_blocking(move || {
        let mut out = Out {
            sender,
            load: Vec::new(),
            bytes: 0,
        };
        // An error here is that nobody wants more.
        let _ = read(&migrations, &folded, &mut out).and_then(|()| out.flush());
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

fn read(migrations: &[Migration], folded: &BTreeSet<Name>, out: &mut Out) -> Result<(), Unwanted> {
    for (index, migration) in migrations.iter().enumerate() {
        out.send(Feed::Begin(index))?;
        let statements = match files::statements(migration) {
            Ok(statements) => statements,
            Err(error) => {
                let diagnostic = unreadable(migration, &error);
                return out.send(Feed::Failed(diagnostic));
            }
        };
        for piece in statements {
            match piece {
                Ok(OwnedPiece::Statement(statement)) if folded.contains(&migration.name) => {
                    for next in plain(migration, statement) {
                        out.send(next)?;
                    }
                }
                Ok(piece) => out.send(Feed::Piece(piece))?,
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
