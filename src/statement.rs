//! Text of a migration → its SQL statements and COPY data, and what a
//! statement is.
//!
//! ```text
//! bytes → Splitter → Piece ─┬→ Fingerprint   is it still the same statement?
//!                           ├→ Class         by its keywords, for thousands
//!                           └→ Digest        by PostgreSQL's own parser
//! ```
//!
//! Psql's variables (`:name`) are not filled in: a colon is SQL here, as the
//! server sees it. Sending statements is left to [`crate::postgres`].

use crate::text::{Position, Span};

mod brings;
mod class;
mod digest;
mod fingerprint;
mod fold;
mod lexer;
mod nesting;
mod parse;
mod reader;
mod split_error;
mod splitter;

pub use brings::Brings;
pub use class::{Class, TransactionControl};
pub use digest::{Digest, Kind, ReindexTarget, RelationName};
pub use fingerprint::Fingerprint;
pub use fold::{Folded, fold};
pub use parse::{SessionUse, digest, digests, gid, reads_enum_value, same_index, session_use};
pub use reader::{OwnedPiece, ReadError, Statements};
pub use split_error::{SplitError, SplitErrorKind};
pub use splitter::Splitter;

/// One SQL statement, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From the first token to the last one; never empty, without the `;`,
    /// without comments around it.
    pub text: String,
    /// Bytes of `text` in the file.
    pub span: Span,
    /// Bytes in the file that belong to it: what stands between the statement
    /// before and its first token, and its `;`. For a COPY from STDIN the rest
    /// of that line too, if nothing but whitespace and comments is there.
    pub raw: Span,
    /// Line and column of `span.start`.
    pub position: Position,
    /// `COPY … FROM STDIN`: its data follows, see [`Piece::CopyData`].
    pub copy_from_stdin: bool,
}

/// What [`Splitter`] cuts a file into, in the order in which it is to be sent.
///
/// After a statement with `copy_from_stdin` comes any number of `CopyData` and
/// then always one `CopyEnd`.
///
/// Statement's `raw`, data and the end's `raw` follow one another without a
/// gap, from byte 0 to the whitespace and comments at the end of the file. The
/// exception: statements on one line with a `COPY … FROM STDIN` come after its
/// data, as in psql.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A statement.
    Statement(Statement),
    /// Some of the data of the statement before, as it stands in the file and
    /// as the server must get it: not cut at lines, at most some 64 KB, not
    /// necessarily UTF-8, never empty.
    CopyData(&'a [u8]),
    /// The data is complete.
    CopyEnd {
        /// The line `\.` with its newline, in bytes of the file; empty if the
        /// end of the file ended the data.
        raw: Span,
    },
}

/// All statements of a text that is at hand; the data of COPY is left out.
///
/// # Errors
/// The first error, and none of the statements; use [`Splitter`] to have both.
pub fn split(text: &str) -> Result<Vec<Statement>, SplitError> {
    let mut statements = Vec::new();
    let mut splitter = Splitter::new();
    let mut sink = |piece: Piece<'_>| {
        if let Piece::Statement(statement) = piece {
            statements.push(statement);
        }
        Ok::<_, SplitError>(())
    };
    splitter.push(text.as_bytes(), &mut sink)?;
    splitter.finish(&mut sink)?;
    Ok(statements)
}
