//! Anything that can be read → its pieces, pulled one at a time.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::{Piece, SplitError, Splitter, Statement};
use crate::text::Span;

/// Bytes asked for at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// A [`Piece`] that owns its data and can be sent to another thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedPiece {
    /// See [`Piece::Statement`].
    Statement(Statement),
    /// See [`Piece::CopyData`].
    CopyData(Vec<u8>),
    /// See [`Piece::CopyEnd`].
    CopyEnd {
        /// See [`Piece::CopyEnd`].
        raw: Span,
    },
}

impl From<Piece<'_>> for OwnedPiece {
    fn from(piece: Piece<'_>) -> Self {
        match piece {
            Piece::Statement(statement) => Self::Statement(statement),
            Piece::CopyData(data) => Self::CopyData(data.to_vec()),
            Piece::CopyEnd { raw } => Self::CopyEnd { raw },
        }
    }
}

/// Why [`Statements`] stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The reader failed.
    #[error("cannot read")]
    Io(#[from] io::Error),
    /// The text cannot be cut into statements.
    #[error(transparent)]
    Split(#[from] SplitError),
}

/// Iterator over the pieces of a reader; blocks where the reader does.
///
/// Ends after the first error. Holds what one read of 64 KB has brought, and
/// the statement at hand.
#[derive(Debug)]
pub struct Statements<R> {
    reader: R,
    buffer: Vec<u8>,
    /// `None` once the end or an error has been reached.
    splitter: Option<Splitter>,
    ready: VecDeque<OwnedPiece>,
    failed: Option<ReadError>,
}

impl<R: Read> Statements<R> {
    /// Pieces of `reader`, read from where it stands, which counts as byte 0.
    pub fn new(reader: R) -> Self {
        Self::cut_by(Splitter::new(), reader)
    }

    /// As [`Statements::new`], of a file whose statements run in one
    /// transaction.
    pub fn in_transaction(reader: R) -> Self {
        Self::cut_by(Splitter::in_transaction(), reader)
    }

    fn cut_by(splitter: Splitter, reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; BUFFER_BYTES],
            splitter: Some(splitter),
            ready: VecDeque::new(),
            failed: None,
        }
    }

    fn advance(&mut self, mut splitter: Splitter) -> Result<(), ReadError> {
        let ready = &mut self.ready;
        let mut sink = |piece: Piece<'_>| {
            ready.push_back(piece.into());
            Ok::<_, ReadError>(())
        };
        let length = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if length == 0 {
            return splitter.finish(&mut sink);
        }
        splitter.push(&self.buffer[..length], &mut sink)?;
        self.splitter = Some(splitter);
        Ok(())
    }
}

impl<R: Read> Iterator for Statements<R> {
    type Item = Result<OwnedPiece, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // What was cut before an error is handed out before the error.
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            let splitter = self.splitter.take()?;
            if let Err(error) = self.advance(splitter) {
                self.failed = Some(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, then what it ends with.
    struct Drip<'a>(&'a [u8], Option<io::ErrorKind>);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if let (true, Some(kind)) = (self.0.is_empty(), self.1) {
                return Err(kind.into());
            }
            let length = self.0.len().min(3);
            let (bytes, rest) = self.0.split_at(length);
            buffer[..length].copy_from_slice(bytes);
            self.0 = rest;
            Ok(length)
        }
    }

    fn shown(reader: impl Read) -> Vec<String> {
        let mut shown: Vec<String> = Vec::new();
        let mut data = Vec::new();
        for piece in Statements::new(reader) {
            match piece {
                Ok(OwnedPiece::Statement(statement)) => shown.push(statement.text),
                Ok(OwnedPiece::CopyData(bytes)) => data.extend(bytes),
                Ok(OwnedPiece::CopyEnd { .. }) => {
                    shown.push(format!("{:?}", String::from_utf8_lossy(&data)));
                }
                Err(ReadError::Io(error)) => shown.push(error.kind().to_string()),
                Err(ReadError::Split(error)) => shown.push(error.to_string()),
            }
        }
        shown
    }

    #[test]
    fn pieces_come_in_order_from_slow_readers() {
        let file = b"SELECT 1;\nCOPY t FROM STDIN;\na\tb\n\\.\nSELECT 2";
        let expected = ["SELECT 1", "COPY t FROM STDIN", "\"a\\tb\\n\"", "SELECT 2"];
        assert_eq!(shown(Drip(file, None)), expected);
        assert_eq!(shown(file.as_slice()), expected);
        assert!(shown(io::empty()).is_empty());
    }

    #[test]
    fn an_error_comes_last_and_once() {
        let file = b"SELECT 1; SELECT 2; 'a";
        let expected = ["SELECT 1", "SELECT 2", "1:21: unterminated string"];
        assert_eq!(shown(file.as_slice()), expected);
        let broken = Drip(file, Some(io::ErrorKind::BrokenPipe));
        assert_eq!(shown(broken), ["SELECT 1", "SELECT 2", "broken pipe"]);
    }
}
