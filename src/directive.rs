//! The header of a migration file, turned into directives.
//!
//! The header is the file's leading comments, up to the first statement; what
//! the directives demand together with other files is left to
//! `graph`. Each directive has a page in `directives/`, which is also
//! what [`TABLE`] embeds.

use crate::backfill::Backfill;
use crate::text::{Span, Spanned};
use crate::version::Version;

mod argument;
mod check;
mod codd;
mod comment;
mod ending;
mod filled;
mod header;
mod late;
mod lexer;
mod parser;
mod schema_diff;
mod table;

pub use argument::Waiver;
pub use codd::{codd_function_call, codd_function_diagnostic};
pub use ending::end_in_header;
pub use filled::parse_filled;
pub use header::{HeaderEnd, HeaderScanner, header_len};
pub use late::late_directives;
pub use parser::parse;
pub use schema_diff::{SchemaDiff, with_schema_diff};
pub use table::{Entry, TABLE, page};

/// What a file's header demands; empty for an ordinary migration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directives {
    /// `in-txn` or `no-txn`; `None` if neither is given. codd's `no-parse`
    /// counts as `in-txn`.
    pub transaction: Option<Spanned<TransactionMode>>,
    /// FILE of `begin-concurrent-migration-with`: a file name without folder,
    /// ending in `.sql`.
    pub begin_with: Option<Spanned<String>>,
    /// FILEs of `end-concurrent-migration`: file names as above, in the order
    /// written, each once.
    pub end: Vec<Spanned<String>>,
    /// What lies between `schema-diff-begin` and `schema-diff-end`.
    pub schema_diff: Option<SchemaDiff>,
    /// `rerunnable`.
    pub rerunnable: Option<Span>,
    /// `connection`: a connection string in one of libpq's two forms; it may
    /// hold a password.
    pub connection: Option<Spanned<String>>,
    /// Names of `env-vars`, in the order written, each once.
    pub env_vars: Vec<Spanned<String>>,
    /// `backfill`: `TABLE by KEY …`.
    pub backfill: Option<Spanned<Backfill>>,
    /// `schema-version`: X.Y.Z.
    pub schema_version: Option<Spanned<Version>>,
    /// `allow`, in the order written.
    pub allow: Vec<Spanned<Waiver>>,
}

/// Where a migration's statements run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionMode {
    /// Inside a transaction block: `in-txn`.
    Block,
    /// Outside of one: `no-txn`.
    Autocommit,
}
