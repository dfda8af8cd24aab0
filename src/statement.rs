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

mod body;
mod brings;
mod class;
mod columns;
mod digest;
mod fingerprint;
mod fold;
pub(crate) mod lexer;
mod lock;
mod nesting;
mod on_only;
mod parse;
mod ranged;
mod reader;
mod split_error;
mod splitter;
mod strings;

pub use body::body_ends_transaction;
pub use brings::Brings;
pub use class::{Class, TransactionControl};
pub use columns::{ColumnName, Columns};
pub use digest::{Digest, Kind, ReindexTarget, RelationName};
pub use fingerprint::Fingerprint;
pub use fold::{Folded, fold};
pub use lock::{LockMode, Locks, Stops};
pub use on_only::OnOnly;
pub use parse::{
    SessionUse, digest, digests, gid, locks, out_of_range, reads_enum_value, same_index,
    session_use,
};
pub(crate) use parse::{locks_of, names, with_trees};
pub use ranged::OutOfRange;
pub use reader::{OwnedPiece, ReadError, Statements};
pub use split_error::{SplitError, SplitErrorKind};
pub use splitter::Splitter;

/// Which way a COPY moves data between the server and its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyDirection {
    /// `COPY … FROM STDIN`: its data follows, see [`Piece::CopyData`].
    FromStdin,
    /// `COPY … TO STDOUT`: the server answers with data.
    ToStdout,
}

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
    /// Whether it moves data between the server and us.
    pub copy: Option<CopyDirection>,
    /// Whether a backslash escapes in its plain `'…'` too, since
    /// `standard_conforming_strings` is off.
    pub strings_escape: bool,
    /// It may have brought the session's default of
    /// `standard_conforming_strings` back, which is taken to be on.
    pub resets_strings: bool,
}

impl Statement {
    /// Whether those who take `standard_conforming_strings` to be on may read
    /// `text`, its own or one with values filled in, otherwise than the server.
    #[must_use]
    pub fn is_misread(&self, text: &str) -> bool {
        self.strings_escape && text.contains('\\')
    }

    /// What identifies it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        if self.is_misread(&self.text) {
            Fingerprint::of_bytes(&self.text)
        } else {
            Fingerprint::of(&self.text)
        }
    }
}

/// What [`Splitter`] cuts a file into, in the order in which it is to be sent.
///
/// After a [`CopyDirection::FromStdin`] comes any number of `CopyData` and
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

/// Whether `text`, which values have been filled into, is one statement as
/// `written` is: with data behind it or without.
#[must_use]
pub fn is_one(text: &str, written: &Statement) -> bool {
    match split_by(Splitter::of_one(written), text).as_deref() {
        Ok([one]) => one.copy == written.copy,
        _ => false,
    }
}

/// All statements of a text that is at hand; the data of COPY is left out.
///
/// # Errors
/// The first error, and none of the statements; use [`Splitter`] to have both.
pub fn split(text: &str) -> Result<Vec<Statement>, SplitError> {
    split_by(Splitter::new(), text)
}

fn split_by(mut splitter: Splitter, text: &str) -> Result<Vec<Statement>, SplitError> {
    let mut statements = Vec::new();
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
