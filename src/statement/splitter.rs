//! Bytes, pushed in chunks of any size → pieces.

use super::lexer::{Inside, Lexeme, Lexer, Token};
use super::nesting::Nesting;
use super::strings::Strings;
use super::{CopyDirection, Piece, SplitError, SplitErrorKind, Statement};
use crate::text::{Position, Span};

mod copy_data;

/// A longer chunk is taken in parts, so that little is copied at a time.
const PART_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A longer name of a meta-command is cut in the error.
const COMMAND_BYTES_MAX: usize = 40;
/// A statement of this length takes the buffer with it instead of a copy.
const LARGE_STATEMENT_BYTES: usize = 1024 * 1024;

/// What the next byte belongs to.
#[derive(Clone, Debug)]
enum Mode {
    /// Perhaps a byte order mark.
    Start,
    Sql,
    /// From a backslash to the end of its line.
    MetaCommand,
    /// The rest of the line of a COPY from STDIN.
    CopyLine(Statement),
    CopyData {
        line_begins: bool,
    },
}

/// A byte of the buffer whose place in the file is known.
#[derive(Clone, Copy, Debug)]
struct Mark {
    index: usize,
    position: Position,
}

/// The statement at hand; indices into the buffer.
#[derive(Clone, Debug)]
struct Pending {
    start: usize,
    /// End of its last token so far.
    end: usize,
    nesting: Nesting,
}

/// Cuts a file into statements and COPY data, as psql does.
///
/// Takes the file in chunks that may end anywhere and gives each [`Piece`] to
/// the sink as soon as it is complete. Keeps in memory the statement at hand;
/// COPY data and comments between statements pass through.
///
/// ```
/// use segue::statement::{Piece, SplitError, Splitter};
///
/// let mut texts = Vec::new();
/// let mut sink = |piece: Piece<'_>| {
///     if let Piece::Statement(statement) = piece {
///         texts.push(statement.text);
///     }
///     Ok::<_, SplitError>(())
/// };
/// let mut splitter = Splitter::new();
/// splitter.push(b"SELECT 1; SEL", &mut sink)?;
/// splitter.push(b"ECT 2", &mut sink)?;
/// splitter.finish(&mut sink)?;
/// assert_eq!(texts, ["SELECT 1", "SELECT 2"]);
/// # Ok::<_, SplitError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Byte of the file that `buffer[0]` is.
    base: usize,
    lexer: Lexer,
    mode: Mode,
    pending: Option<Pending>,
    /// Never beyond the start of the pending statement.
    mark: Mark,
    /// Place of a comment between statements that has not ended yet; its
    /// beginning may have left the buffer.
    comment: Option<(usize, Position)>,
    /// Byte of the file where the next statement's `raw` begins.
    raw_start: usize,
    /// What stands behind a COPY from STDIN on its line: lexed after the data.
    after_data: Option<Box<Splitter>>,
    strings: Strings,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Splitter {
    /// A splitter at byte 0 of a file whose statements run each by itself.
    #[must_use]
    pub fn new() -> Self {
        let start = Position { line: 1, column: 1 };
        Self::at(0, start, Mode::Start, Strings::new(false))
    }

    /// A splitter at byte 0 of a file whose statements run in one transaction.
    #[must_use]
    pub fn in_transaction() -> Self {
        Self {
            strings: Strings::new(true),
            ..Self::new()
        }
    }

    /// A splitter of the text that values have been filled into.
    pub(super) fn of_one(statement: &Statement) -> Self {
        let start = Position { line: 1, column: 1 };
        let strings = Strings::at(statement.strings_escape);
        Self::at(0, start, Mode::Sql, strings)
    }

    fn at(base: usize, position: Position, mode: Mode, strings: Strings) -> Self {
        Self {
            buffer: Vec::new(),
            base,
            lexer: Lexer::new(0),
            mode,
            pending: None,
            mark: Mark { index: 0, position },
            comment: None,
            raw_start: base,
            after_data: None,
            strings,
        }
        .lexing_from(0)
    }

    /// Goes on at this byte of the buffer.
    fn lexing_from(mut self, start: usize) -> Self {
        self.lex_from(start);
        self
    }

    fn lex_from(&mut self, start: usize) {
        self.lexer = Lexer::new(start);
        self.lexer.escape_plain(self.strings.escape());
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// A [`SplitError`] or what the sink returned; the splitter is of no use
    /// afterwards.
    pub fn push<E: From<SplitError>>(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in chunk.chunks(PART_BYTES) {
            self.take(part, false, sink)?;
        }
        Ok(())
    }

    /// Takes the end of the file, which ends a statement without `;` and COPY
    /// data without `\.`, too.
    ///
    /// # Errors
    /// As [`Splitter::push`].
    pub fn finish<E: From<SplitError>>(
        mut self,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.take(b"", true, sink)
    }

    fn take<E: From<SplitError>>(
        &mut self,
        part: &[u8],
        last: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut part = part;
        if self.buffer.is_empty()
            && let Mode::CopyData { .. } = self.mode
        {
            // The usual case in a large COPY: nothing is copied.
            let (taken, _) = self.copy_data(part, last, sink)?;
            part = &part[taken..];
        }
        self.buffer.extend_from_slice(part);
        while self.step(last, sink)? {}
        self.release();
        Ok(())
    }

    /// Goes on in the present mode; whether there is more to be done.
    fn step<E: From<SplitError>>(
        &mut self,
        last: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        match &self.mode {
            Mode::Start => Ok(self.byte_order_mark(last)),
            Mode::Sql => self.sql(last, sink),
            Mode::MetaCommand => Ok(self.meta_command(last)?),
            Mode::CopyLine(_) => self.copy_line(last, sink),
            Mode::CopyData { .. } => {
                let buffer = std::mem::take(&mut self.buffer);
                let start = self.lexer.position();
                let (taken, ended) = self.copy_data(&buffer[start..], last, sink)?;
                self.buffer = buffer;
                self.buffer.drain(..start + taken);
                self.lex_from(0);
                Ok(ended)
            }
        }
    }

    fn byte_order_mark(&mut self, last: bool) -> bool {
        if self.buffer.len() < BYTE_ORDER_MARK.len()
            && BYTE_ORDER_MARK.starts_with(&self.buffer)
            && !last
        {
            return false;
        }
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.mark.index = BYTE_ORDER_MARK.len();
            self.lex_from(BYTE_ORDER_MARK.len());
        }
        self.mode = Mode::Sql;
        true
    }

    fn sql<E: From<SplitError>>(
        &mut self,
        last: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        while let Some(lexeme) = self.lexer.next(&self.buffer, last) {
            let Lexeme { token, start, end } = lexeme;
            if token.is_trivia() {
                self.comment = None;
                continue;
            }
            match token {
                Token::Backslash => {
                    self.lex_from(start);
                    self.mode = Mode::MetaCommand;
                    return Ok(true);
                }
                Token::Semicolon
                    if self
                        .pending
                        .as_ref()
                        .is_none_or(|pending| pending.nesting.is_closed()) =>
                {
                    if self.end_statement(end, sink)? {
                        return Ok(true);
                    }
                }
                _ => {
                    if self.pending.is_none() {
                        self.mark = self.locate(start);
                    }
                    let pending = self.pending.get_or_insert_with(|| Pending {
                        start,
                        end,
                        nesting: Nesting::default(),
                    });
                    pending.nesting.see(token, &self.buffer[start..end]);
                    pending.end = end;
                }
            }
        }
        if !last {
            return Ok(false);
        }
        if let Some(error) = self.unterminated() {
            return Err(error.into());
        }
        self.end_statement(self.buffer.len(), sink)
    }

    /// Ends the statement at hand, if there is one, with `raw_end` in the
    /// buffer; whether the mode has changed.
    fn end_statement<E: From<SplitError>>(
        &mut self,
        raw_end: usize,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(pending) = self.pending.take() else {
            return Ok(false);
        };
        let Pending { start, end, .. } = pending;
        if pending.nesting.copies_binary() {
            return Err(self.error(SplitErrorKind::BinaryCopy, start, end).into());
        }
        // The text comes last: taking it may move the buffer.
        let mut statement = Statement {
            span: Span::new(self.base + start, self.base + end),
            raw: Span::new(self.raw_start, self.base + raw_end),
            position: self.mark.position,
            copy: pending.nesting.copies(),
            strings_escape: self.strings.escape(),
            resets_strings: false,
            text: self.text(start, end)?,
        };
        statement.resets_strings = self.strings.see(&statement.text);
        self.lexer.escape_plain(self.strings.escape());
        self.raw_start = statement.raw.end;
        if statement.copy == Some(CopyDirection::FromStdin) {
            self.mode = Mode::CopyLine(statement);
            return Ok(true);
        }
        sink(Piece::Statement(statement))?;
        Ok(false)
    }

    /// The bytes `start..end` of the buffer, checked. A large statement takes
    /// the buffer with it, since two copies of it are one too many.
    fn text(&mut self, start: usize, end: usize) -> Result<String, SplitError> {
        let bytes = &self.buffer[start..end];
        if let Some(at) = memchr::memchr(0, bytes) {
            return Err(self.error(SplitErrorKind::NulByte, start + at, start + at + 1));
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            let at = start + error.valid_up_to();
            return Err(self.error(SplitErrorKind::InvalidUtf8, at, at + 1));
        }
        let bytes = if bytes.len() < LARGE_STATEMENT_BYTES {
            bytes.to_vec()
        } else {
            self.mark = self.locate(end);
            self.mark.index = 0;
            let rest = self.buffer.split_off(end);
            let mut bytes = std::mem::replace(&mut self.buffer, rest);
            bytes.drain(..start);
            self.lexer.forget(end);
            self.base += end;
            bytes
        };
        Ok(String::from_utf8(bytes).expect("checked above"))
    }

    /// Skips `\restrict` and `\unrestrict` lines of dumps; whether it has.
    fn meta_command(&mut self, last: bool) -> Result<bool, SplitError> {
        let start = self.lexer.position();
        let line = &self.buffer[start..];
        let end = match memchr::memchr(b'\n', line) {
            Some(end) => end,
            None if last => line.len(),
            None => return Ok(false),
        };
        let rest = &line[1..end];
        let name_end = rest
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'\\')
            .unwrap_or(rest.len());
        let (name, arguments) = rest.split_at(name_end);
        // A second command on the line would be skipped with the first.
        if self.pending.is_none()
            && matches!(name, b"restrict" | b"unrestrict")
            && !arguments.contains(&b'\\')
        {
            self.lex_from(start + end);
            self.mode = Mode::Sql;
            return Ok(true);
        }
        // These need no space before what follows.
        let name = match name {
            [b';' | b':', ..] => &name[..1],
            _ => &name[..name.len().min(COMMAND_BYTES_MAX)],
        };
        let command = String::from_utf8_lossy(name).into_owned();
        let name_end = start + 1 + name.len();
        Err(self.error(SplitErrorKind::MetaCommand(command), start, name_end))
    }

    /// The error of what is still open at the end of the file.
    fn unterminated(&self) -> Option<SplitError> {
        let start = self.lexer.start();
        let (kind, length) = match self.lexer.inside() {
            Inside::Nothing | Inside::Word | Inside::LineComment => return None,
            Inside::BlockComment(_) => {
                let kind = SplitErrorKind::UnterminatedComment;
                if let Some((at, position)) = self.comment {
                    let span = Span::new(at, at + 2);
                    return Some(SplitError {
                        kind,
                        span,
                        position,
                    });
                }
                (kind, 2)
            }
            Inside::Text { .. } => {
                let quote = memchr::memchr(b'\'', &self.buffer[start..]);
                (
                    SplitErrorKind::UnterminatedString,
                    quote.map_or(1, |at| at + 1),
                )
            }
            Inside::Quoted => (SplitErrorKind::UnterminatedIdentifier, 1),
            Inside::Dollar(length) => {
                let delimiter = &self.buffer[start..start + length];
                let delimiter = String::from_utf8_lossy(delimiter).into_owned();
                (SplitErrorKind::UnterminatedDollarQuote(delimiter), length)
            }
        };
        Some(self.error(kind, start, start + length))
    }

    fn error(&self, kind: SplitErrorKind, start: usize, end: usize) -> SplitError {
        SplitError {
            kind,
            span: Span::new(self.base + start, self.base + end),
            position: self.locate(start).position,
        }
    }

    /// The place of byte `index` of the buffer, which is not before the mark.
    fn locate(&self, index: usize) -> Mark {
        let mut position = self.mark.position;
        let between = &self.buffer[self.mark.index..index];
        let line = match memchr::memrchr(b'\n', between) {
            Some(newline) => {
                position.line += memchr::memchr_iter(b'\n', &between[..=newline]).count();
                position.column = 1;
                &between[newline + 1..]
            }
            None => between,
        };
        // Bytes that go on with a character begin with the bits 10.
        position.column += line.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        Mark { index, position }
    }

    /// Lets go of what is no longer needed of the buffer.
    fn release(&mut self) {
        let keep = match (&self.pending, &self.mode) {
            (Some(pending), _) => pending.start,
            (None, Mode::Sql) => {
                if let Inside::BlockComment(_) = self.lexer.inside()
                    && self.comment.is_none()
                {
                    let start = self.lexer.start();
                    self.comment = Some((self.base + start, self.locate(start).position));
                }
                // Of a comment only its end matters, any other lexeme is kept.
                match self.lexer.inside() {
                    Inside::BlockComment(_) | Inside::LineComment => self.lexer.position(),
                    _ => self.lexer.start(),
                }
            }
            (None, Mode::MetaCommand | Mode::CopyLine(_)) => self.lexer.start(),
            (None, Mode::Start | Mode::CopyData { .. }) => return,
        };
        self.mark = self.locate(keep);
        self.mark.index = 0;
        self.buffer.drain(..keep);
        self.lexer.forget(keep);
        self.base += keep;
        if let Some(pending) = &mut self.pending {
            pending.start -= keep;
            pending.end -= keep;
        }
    }
}

#[cfg(test)]
mod tests;
