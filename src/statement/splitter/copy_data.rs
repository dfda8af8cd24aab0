//! The line of a `COPY … FROM STDIN`, and the data below it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{Mark, Mode, Splitter};
use crate::statement::lexer::{Inside, Lexer, Token};
use crate::statement::{Piece, SplitError, SplitErrorKind};
use crate::text::Span;

/// The start of a line that may end the data. Such lines are rare, and rare
/// things are found at the speed of memory.
static LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n\\."));

/// What a line that begins with `\` is.
enum Line {
    /// `\.` and its end, of this length in bytes.
    End(usize),
    Data,
    /// Cannot be known from what is there.
    Cut,
}

/// Psql takes `\.` alone on a line for the end whatever the format, CSV too.
/// At the end of the file it may lack its newline.
fn classify(line: &[u8], last: bool) -> Line {
    match line {
        [b'\\', b'.', b'\n', ..] => Line::End(3),
        [b'\\', b'.', b'\r', b'\n', ..] => Line::End(4),
        [] | [b'\\'] | [b'\\', b'.'] | [b'\\', b'.', b'\r'] if !last => Line::Cut,
        [b'\\', b'.'] | [b'\\', b'.', b'\r'] => Line::End(line.len()),
        _ => Line::Data,
    }
}

impl Splitter {
    /// Looks at the rest of the line of a COPY: its data begins on the next
    /// one. Whether the line is complete.
    pub(super) fn copy_line<E: From<SplitError>>(
        &mut self,
        last: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let start = self.lexer.position();
        let end = match memchr::memchr(b'\n', &self.buffer[start..]) {
            Some(length) => start + length + 1,
            None if last => self.buffer.len(),
            None => return Ok(false),
        };
        let data = Mode::CopyData { line_begins: true };
        let Mode::CopyLine(mut statement) = std::mem::replace(&mut self.mode, data) else {
            return Ok(false);
        };
        let line = &self.buffer[start..end];
        let mut lexer = Lexer::new(0);
        let only_trivia = loop {
            match lexer.next(line, true) {
                None => break lexer.inside() == Inside::Nothing,
                Some(lexeme) if lexeme.token.is_trivia() => {}
                Some(lexeme) if lexeme.token == Token::Semicolon => {}
                Some(_) => break false,
            }
        };
        if only_trivia {
            statement.raw.end = self.base + end;
        } else {
            let position = self.locate(start).position;
            let strings = self.strings.clone();
            let mut rest = Self::at(self.base + start, position, Mode::Sql, strings);
            rest.buffer = line.to_vec();
            self.after_data = Some(Box::new(rest));
        }
        self.mark = self.locate(end);
        self.lex_from(end);
        self.raw_start = self.base + end;
        sink(Piece::Statement(statement))?;
        Ok(true)
    }

    /// Passes data on; how many bytes of `data` have been dealt with, and
    /// whether the data has ended: that of the next COPY may follow at once.
    /// `data` is what follows the mark in the file.
    pub(super) fn copy_data<E: From<SplitError>>(
        &mut self,
        data: &[u8],
        last: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(usize, bool), E> {
        let Mode::CopyData { line_begins } = &mut self.mode else {
            return Ok((0, false));
        };
        // Where a line begins that has to be looked at.
        let mut candidate = line_begins.then_some(0);
        let mut from = 0;
        let (length, end) = loop {
            let Some(at) = candidate else {
                match LINE.find(&data[from..]) {
                    Some(found) => candidate = Some(from + found + 1),
                    // The start of such a line may be cut in two.
                    None if data.ends_with(b"\n\\") && !last => break (data.len() - 1, None),
                    None => break (data.len(), None),
                }
                continue;
            };
            match classify(&data[at..], last) {
                Line::End(length) => break (at, Some(length)),
                Line::Cut => break (at, None),
                Line::Data => {
                    candidate = None;
                    from = at;
                }
            }
        };
        if length > 0 {
            *line_begins = data[length - 1] == b'\n';
            sink(Piece::CopyData(&data[..length]))?;
        }
        let taken = length + end.unwrap_or(0);
        let lines = memchr::memchr_iter(b'\n', &data[..taken]).count();
        self.mark.position.line += lines;
        self.base += self.mark.index + taken;
        self.mark = Mark {
            index: 0,
            position: self.mark.position,
        };
        let ended = end.is_some() || last;
        if ended {
            self.end_copy(end.unwrap_or(0), last, sink)?;
        }
        Ok((taken, ended))
    }

    fn end_copy<E: From<SplitError>>(
        &mut self,
        line_bytes: usize,
        last: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.raw_start = self.base;
        self.mode = Mode::Sql;
        let raw = Span::new(self.base - line_bytes, self.base);
        sink(Piece::CopyEnd { raw })?;
        let Some(mut rest) = self.after_data.take() else {
            return Ok(());
        };
        // The rest of the COPY's line comes now. If it holds another COPY, that
        // one's data is next. At the end of the file nothing follows the data.
        while rest.step(last, sink)? {
            if let Mode::CopyData { .. } = rest.mode {
                self.mode = rest.mode;
                self.after_data = rest.after_data;
                self.strings = rest.strings;
                return Ok(());
            }
        }
        self.strings = rest.strings.clone();
        self.lexer.escape_plain(self.strings.escape());
        let start = match &rest.pending {
            Some(pending) => pending.start,
            None if rest.lexer.inside() == Inside::Nothing => return Ok(()),
            None => rest.lexer.start(),
        };
        let end = rest.buffer.len();
        Err(rest
            .error(SplitErrorKind::AroundCopyData, start, end)
            .into())
    }
}
