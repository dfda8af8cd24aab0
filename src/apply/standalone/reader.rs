//! The statements of one file, as they are asked for.

use super::StandaloneError;
use crate::apply::feed::{Feed, Feeding, feed};
use crate::migration::Migration;
use crate::statement::{OwnedPiece, Statement};

/// Reads one file.
pub(super) struct Reader {
    feed: Feeding,
}

impl Reader {
    /// From its beginning.
    pub(super) fn open(migration: &Migration) -> Self {
        Self {
            feed: feed(vec![migration.clone()]),
        }
    }

    /// The next statement; data that nobody asked for is passed over.
    pub(super) async fn statement(&mut self) -> Result<Option<Statement>, StandaloneError> {
        while let Some(next) = self.feed.recv().await {
            match next {
                Feed::Piece(OwnedPiece::Statement(statement)) => return Ok(Some(statement)),
                Feed::Failed(diagnostic) => return Err(StandaloneError::Failed(diagnostic)),
                Feed::Begin(_)
                | Feed::End
                | Feed::Piece(OwnedPiece::CopyData(_) | OwnedPiece::CopyEnd { .. }) => {}
            }
        }
        Ok(None)
    }

    /// Some data of the COPY that was just read; `None` at its end.
    pub(super) async fn data(&mut self) -> Result<Option<Vec<u8>>, StandaloneError> {
        match self.feed.recv().await {
            Some(Feed::Piece(OwnedPiece::CopyData(data))) => Ok(Some(data)),
            Some(Feed::Failed(diagnostic)) => Err(StandaloneError::Failed(diagnostic)),
            _ => Ok(None),
        }
    }
}
