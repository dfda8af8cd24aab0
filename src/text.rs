//! Text of a file, and places in it.
//!
//! A [`Source`] may be a whole file or a window of it: migrations can be far
//! larger than memory, so a diagnostic keeps only the lines that it shows.
//! Reading files is left to [`crate::files`].

mod list;
mod nearest;
mod phrase;
mod variables;

pub use list::list;
pub use nearest::nearest;
pub use phrase::{count, left, names, thousands};
pub use variables::{DataFiller, Filled, Variables};

/// Half-open range of bytes in a file, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A value and the place that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was read.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, read from `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// Line and column of a byte, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Text of a file, or a window of it that begins at the start of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    start: usize,
    first_line: usize,
}

impl Source {
    /// A whole file; `name` is shown to people, `migrations/a.sql` for example.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::window(name, text, 0, 1)
    }

    /// A part of a file: `text` begins at byte `start`, the beginning of line
    /// `first_line` (from 1).
    #[must_use]
    pub fn window(
        name: impl Into<String>,
        text: impl Into<String>,
        start: usize,
        first_line: usize,
    ) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            start,
            first_line,
        }
    }

    /// The name shown to people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text at hand, which may be a window of the file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Byte of the file at which [`Source::text`] begins.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start
    }

    /// Line number of the first line of [`Source::text`], from 1.
    #[must_use]
    pub fn first_line(&self) -> usize {
        self.first_line
    }

    /// `span`, which counts from the start of the file, as a range of
    /// [`Source::text`]; clamped to it and moved to character boundaries.
    #[must_use]
    pub fn range(&self, span: Span) -> std::ops::Range<usize> {
        let clamp = |byte: usize| {
            let mut byte = byte.saturating_sub(self.start).min(self.text.len());
            while !self.text.is_char_boundary(byte) {
                byte -= 1;
            }
            byte
        };
        let start = clamp(span.start);
        start..clamp(span.end).max(start)
    }

    /// Line and column of byte `offset` of the file. A byte order mark at its
    /// start takes no column, because no editor shows it.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let before = &self.text[..self.range(Span::new(offset, offset)).start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let mut line = &before[line_start..];
        if self.start == 0 && line_start == 0 {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        Position {
            line: self.first_line + before.matches('\n').count(),
            column: line.chars().count() + 1,
        }
    }
}

/// Byte offset in `sql` of a position reported by the server.
///
/// Positions count characters from 1 (PostgreSQL manual, "Error and Notice
/// Message Fields"); spans count bytes from 0. `None` if `position` is outside
/// `sql`.
#[must_use]
pub fn byte_offset(sql: &str, position: u32) -> Option<usize> {
    let index = usize::try_from(position).ok()?.checked_sub(1)?;
    let starts = sql.char_indices().map(|(byte, _)| byte);
    starts.chain([sql.len()]).nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines_from_one() {
        let source = Source::window("a.sql", "é = 1\nx\n", 100, 7);
        assert_eq!(source.position(100), Position { line: 7, column: 1 });
        assert_eq!(source.position(102), Position { line: 7, column: 2 });
        assert_eq!(source.position(107), Position { line: 8, column: 1 });
        assert_eq!(source.position(9_999), Position { line: 9, column: 1 });
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let source = Source::new("a.sql", "\u{feff}SELECT 1");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(3), Position { line: 1, column: 1 });
        assert_eq!(source.position(4), Position { line: 1, column: 2 });
        let source = Source::window("a.sql", "\u{feff}x", 1, 2);
        assert_eq!(source.position(4), Position { line: 2, column: 2 });
    }

    #[test]
    fn server_positions_count_characters() {
        assert_eq!(byte_offset("é = 1", 1), Some(0));
        assert_eq!(byte_offset("é = 1", 2), Some(2));
        assert_eq!(byte_offset("é = 1", 6), Some(6));
        assert_eq!(byte_offset("é = 1", 7), None);
        assert_eq!(byte_offset("é = 1", 0), None);
    }
}
