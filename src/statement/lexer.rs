//! Bytes → lexemes, as PostgreSQL's own scanner cuts them, resumable at any
//! byte.
//!
//! The rules are those of the server's `scan.l` as far as they decide where
//! something begins or ends; `standard_conforming_strings` is on unless
//! [`Lexer::escape_plain`] says otherwise.
//! What a lexeme means is left to the readers of the lexemes.

use memchr::memmem;

/// What kind of lexeme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A run of whitespace; a run may come in several lexemes.
    Space,
    /// `-- …`, without the end of the line.
    LineComment,
    /// `/* … */`, nested ones included.
    BlockComment,
    /// An unquoted identifier or keyword.
    Word,
    /// A run of digits.
    Digits,
    /// `'…'` or `E'…'`; a doubled quote begins a further one. Other prefixes
    /// (`B`, `N`, `X`, `U&`) are lexemes of their own.
    Text,
    /// `"…"`; a doubled quote begins a further one.
    Quoted,
    /// `$tag$…$tag$`.
    Dollar,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    /// `\`, which no SQL has: the start of a psql meta-command.
    Backslash,
    /// Any other character: parts of operators, commas, brackets.
    Symbol,
}

impl Token {
    /// Whitespace or a comment.
    pub(crate) fn is_trivia(self) -> bool {
        matches!(self, Self::Space | Self::LineComment | Self::BlockComment)
    }
}

/// A token and its range of bytes in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What the lexer is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Between two lexemes.
    Nothing,
    Word,
    LineComment,
    /// How many comments are open, from 1.
    BlockComment(usize),
    Text {
        escapes: bool,
    },
    Quoted,
    /// Length of the delimiter, both `$` included; it stands at the start.
    Dollar(usize),
}

/// What has come between the last `E'…'` and here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Nothing,
    Space,
    Newline,
}

/// Cuts a buffer that grows at its end into lexemes.
#[derive(Clone, Debug)]
pub(super) struct Lexer {
    /// First byte that has not been looked at.
    next: usize,
    /// First byte of the open lexeme.
    start: usize,
    inside: Inside,
    /// An `E'…'` goes on in a `'…'` that follows at once or on another line,
    /// and its backslashes then still escape. None after any other lexeme.
    escaped_text: Option<Gap>,
    /// Whether a backslash escapes in a plain `'…'`.
    escapes_plain: bool,
}

const fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

const fn is_tag(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit()
}

const fn is_word(byte: u8) -> bool {
    is_tag(byte) || byte == b'$'
}

/// Vertical tab is whitespace from PostgreSQL 16 on, and an error before.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Whether a string behind these bytes is `B'…'`, `X'…'` or `U&'…'`, in which
/// no backslash escapes its quote.
fn has_prefix(before: &[u8]) -> bool {
    let (prefix, before) = match before {
        [before @ .., prefix, b'&'] if prefix.eq_ignore_ascii_case(&b'u') => (b'u', before),
        [before @ .., prefix] => (prefix.to_ascii_lowercase(), before),
        [] => return false,
    };
    matches!(prefix, b'b' | b'x' | b'u')
        && (prefix != b'u' || !matches!(before, [.., b'u' | b'U']))
        && !before.last().copied().is_some_and(is_word)
}

/// Index of the first byte from `from` on that fails `test`.
fn run(buffer: &[u8], from: usize, test: impl Fn(u8) -> bool) -> usize {
    buffer[from..]
        .iter()
        .position(|&byte| !test(byte))
        .map_or(buffer.len(), |length| from + length)
}

impl Lexer {
    /// A lexer that begins at byte `start` of the buffer.
    pub(super) fn new(start: usize) -> Self {
        Self {
            next: start,
            start,
            inside: Inside::Nothing,
            escaped_text: None,
            escapes_plain: false,
        }
    }

    /// Whether a backslash escapes in a plain `'…'` from here on.
    pub(super) fn escape_plain(&mut self, escapes: bool) {
        self.escapes_plain = escapes;
    }

    /// What is open after [`Lexer::next`] has returned `None`.
    pub(super) fn inside(&self) -> Inside {
        self.inside
    }

    /// First byte of the open lexeme, or of the next one.
    pub(super) fn start(&self) -> usize {
        match self.inside {
            Inside::Nothing => self.next,
            _ => self.start,
        }
    }

    /// First byte that has not been looked at.
    pub(super) fn position(&self) -> usize {
        self.next
    }

    /// The first `count` bytes of the buffer have been removed.
    pub(super) fn forget(&mut self, count: usize) {
        self.next -= count;
        self.start = self.start.saturating_sub(count);
    }

    /// The next lexeme of `buffer`; `None` if it needs more bytes than there
    /// are. `last` says that no more will come.
    pub(super) fn next(&mut self, buffer: &[u8], last: bool) -> Option<Lexeme> {
        if self.inside == Inside::Nothing {
            self.begin(buffer, last)
        } else {
            self.resume(buffer, last)
        }
    }

    fn begin(&mut self, buffer: &[u8], last: bool) -> Option<Lexeme> {
        let start = self.next;
        let &byte = buffer.get(start)?;
        let following = buffer.get(start + 1).copied();
        self.start = start;
        match byte {
            byte if is_word_start(byte) => self.open(Inside::Word, 1, buffer, last),
            byte if is_space(byte) => {
                let end = run(buffer, start, is_space);
                if let Some(gap) = &mut self.escaped_text {
                    if memchr::memchr2(b'\n', b'\r', &buffer[start..end]).is_some() {
                        *gap = Gap::Newline;
                    } else if *gap == Gap::Nothing {
                        *gap = Gap::Space;
                    }
                }
                Some(self.close(Token::Space, end))
            }
            b'0'..=b'9' => {
                let end = run(buffer, start, |byte| byte.is_ascii_digit());
                Some(self.emit(Token::Digits, end))
            }
            b'\'' => {
                let escapes = matches!(self.escaped_text, Some(Gap::Nothing | Gap::Newline))
                    || self.escapes_plain && !has_prefix(&buffer[..start]);
                self.open(Inside::Text { escapes }, 1, buffer, last)
            }
            b'"' => self.open(Inside::Quoted, 1, buffer, last),
            b'$' | b'-' | b'/' if following.is_none() && !last => None,
            b'-' if following == Some(b'-') => self.open(Inside::LineComment, 2, buffer, last),
            b'/' if following == Some(b'*') => self.open(Inside::BlockComment(1), 2, buffer, last),
            b'$' => {
                // `$1` is a parameter, and what follows it begins anew.
                let tag_end = match following {
                    Some(byte) if is_word_start(byte) => run(buffer, start + 1, is_tag),
                    _ => start + 1,
                };
                match buffer.get(tag_end) {
                    Some(b'$') => {
                        let length = tag_end + 1 - start;
                        self.open(Inside::Dollar(length), length, buffer, last)
                    }
                    None if !last => None,
                    _ => Some(self.emit(Token::Symbol, start + 1)),
                }
            }
            b'(' => Some(self.emit(Token::Open, start + 1)),
            b')' => Some(self.emit(Token::Close, start + 1)),
            b';' => Some(self.emit(Token::Semicolon, start + 1)),
            b'.' => Some(self.emit(Token::Dot, start + 1)),
            b'\\' => Some(self.emit(Token::Backslash, start + 1)),
            _ => Some(self.emit(Token::Symbol, start + 1)),
        }
    }

    fn open(&mut self, inside: Inside, length: usize, buffer: &[u8], last: bool) -> Option<Lexeme> {
        self.inside = inside;
        self.next = self.start + length;
        self.resume(buffer, last)
    }

    fn resume(&mut self, buffer: &[u8], last: bool) -> Option<Lexeme> {
        match self.inside {
            Inside::Nothing => None,
            Inside::Word => self.word(buffer, last),
            Inside::LineComment => {
                let rest = &buffer[self.next..];
                // Carriage returns end a comment too, in psql and in the server.
                match memchr::memchr2(b'\n', b'\r', rest) {
                    Some(length) => Some(self.line_comment(self.next + length)),
                    None if last => Some(self.line_comment(buffer.len())),
                    None => {
                        self.next = buffer.len();
                        None
                    }
                }
            }
            Inside::BlockComment(depth) => self.block_comment(depth, buffer),
            Inside::Text { escapes: false } => {
                let end = self.find(memchr::memchr(b'\'', &buffer[self.next..]), buffer)?;
                Some(self.emit(Token::Text, end + 1))
            }
            Inside::Text { escapes: true } => loop {
                let found = memchr::memchr2(b'\'', b'\\', &buffer[self.next..]);
                let end = self.find(found, buffer)?;
                if buffer[end] == b'\'' {
                    let lexeme = self.emit(Token::Text, end + 1);
                    self.escaped_text = Some(Gap::Nothing);
                    return Some(lexeme);
                }
                self.next = end;
                buffer.get(end + 1)?;
                self.next = end + 2;
            },
            Inside::Quoted => {
                let end = self.find(memchr::memchr(b'"', &buffer[self.next..]), buffer)?;
                Some(self.emit(Token::Quoted, end + 1))
            }
            Inside::Dollar(length) => {
                let delimiter = &buffer[self.start..self.start + length];
                if let Some(found) = memmem::find(&buffer[self.next..], delimiter) {
                    return Some(self.emit(Token::Dollar, self.next + found + length));
                }
                // The delimiter may be cut in two by the end of the buffer.
                self.next = self.next.max((buffer.len() + 1).saturating_sub(length));
                None
            }
        }
    }

    /// Index in the buffer of what was found from `next` on; if nothing was,
    /// all of the buffer has been looked at.
    fn find(&mut self, found: Option<usize>, buffer: &[u8]) -> Option<usize> {
        if found.is_none() {
            self.next = buffer.len();
        }
        found.map(|length| self.next + length)
    }

    fn word(&mut self, buffer: &[u8], last: bool) -> Option<Lexeme> {
        let end = run(buffer, self.next, is_word);
        self.next = end;
        match buffer.get(end) {
            None if !last => None,
            Some(b'\'') if matches!(&buffer[self.start..end], b"e" | b"E") => {
                self.open(Inside::Text { escapes: true }, 2, buffer, last)
            }
            _ => Some(self.emit(Token::Word, end)),
        }
    }

    fn line_comment(&mut self, end: usize) -> Lexeme {
        if self.escaped_text == Some(Gap::Nothing) {
            self.escaped_text = Some(Gap::Space);
        }
        self.close(Token::LineComment, end)
    }

    fn block_comment(&mut self, mut depth: usize, buffer: &[u8]) -> Option<Lexeme> {
        while let Some(found) = memchr::memchr2(b'*', b'/', &buffer[self.next..]) {
            let at = self.next + found;
            self.next = at;
            let following = buffer.get(at + 1)?;
            match (buffer[at], following) {
                (b'*', b'/') => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(self.emit(Token::BlockComment, at + 2));
                    }
                    self.next = at + 2;
                }
                (b'/', b'*') => {
                    depth += 1;
                    self.next = at + 2;
                }
                _ => self.next = at + 1,
            }
            self.inside = Inside::BlockComment(depth);
        }
        self.next = buffer.len();
        None
    }

    fn emit(&mut self, token: Token, end: usize) -> Lexeme {
        self.escaped_text = None;
        self.close(token, end)
    }

    fn close(&mut self, token: Token, end: usize) -> Lexeme {
        self.inside = Inside::Nothing;
        self.next = end;
        Lexeme {
            token,
            start: self.start,
            end,
        }
    }
}

/// The lexemes of a whole text; they cover it. What never ends comes last, as
/// a [`Token::Symbol`].
pub(crate) fn lexemes(text: &str) -> impl Iterator<Item = Lexeme> {
    let mut lexer = Lexer::new(0);
    let mut rest = true;
    std::iter::from_fn(move || {
        lexer.next(text.as_bytes(), true).or_else(|| {
            let rest = std::mem::take(&mut rest) && lexer.start() < text.len();
            rest.then(|| Lexeme {
                token: Token::Symbol,
                start: lexer.start(),
                end: text.len(),
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &[&str]) {
        let tokens: Vec<String> = lexemes(input)
            .filter(|lexeme| lexeme.token != Token::Space)
            .map(|lexeme| format!("{:?} {}", lexeme.token, &input[lexeme.start..lexeme.end]))
            .collect();
        assert_eq!(tokens, expected, "{input}");
    }

    #[test]
    fn words_and_symbols() {
        check("a_1 é$b", &["Word a_1", "Word é$b"]);
        check("1.5e", &["Digits 1", "Dot .", "Digits 5", "Word e"]);
        check("(;)", &["Open (", "Semicolon ;", "Close )"]);
        check("a<=\\", &["Word a", "Symbol <", "Symbol =", "Backslash \\"]);
    }

    #[test]
    fn strings() {
        check("'a''b'", &["Text 'a'", "Text 'b'"]);
        check(r"'a\' b", &[r"Text 'a\'", "Word b"]);
        check(r"E'a\' b'", &[r"Text E'a\' b'"]);
        check(r"e'\\' b", &[r"Text e'\\'", "Word b"]);
        check(r"E'a''\'b'", &["Text E'a'", r"Text '\'b'"]);
        check(r"xE'a\'b", &["Word xE", r"Text 'a\'", "Word b"]);
        check(
            r#""E'" U&"a""b""#,
            &[
                "Quoted \"E'\"",
                "Word U",
                "Symbol &",
                "Quoted \"a\"",
                "Quoted \"b\"",
            ],
        );
    }

    #[test]
    fn an_escape_string_goes_on_after_a_newline() {
        check("E'a'\n'\\'b'", &["Text E'a'", "Text '\\'b'"]);
        check(
            "E'a'--c\n\n'\\'b'",
            &["Text E'a'", "LineComment --c", "Text '\\'b'"],
        );
        check("E'a' '\\' b", &["Text E'a'", "Text '\\'", "Word b"]);
        check(
            "E'a'/*\n*/\n'\\' b",
            &["Text E'a'", "BlockComment /*\n*/", "Text '\\'", "Word b"],
        );
        check("'a'\n'\\' b", &["Text 'a'", "Text '\\'", "Word b"]);
    }

    #[test]
    fn dollar_quotes() {
        check("$$a;b$$", &["Dollar $$a;b$$"]);
        check("$a$ $b$ $$ $a$", &["Dollar $a$ $b$ $$ $a$"]);
        check("$é$ $é$", &["Dollar $é$ $é$"]);
        check("$a$$b$a$", &["Dollar $a$$b$a$"]);
        check("$1$a$x$a$", &["Symbol $", "Digits 1", "Dollar $a$x$a$"]);
        check("a$b$c", &["Word a$b$c"]);
        check("$a b$", &["Symbol $", "Word a", "Word b$"]);
        check("$", &["Symbol $"]);
        check("a $b$ c", &["Word a", "Symbol $b$ c"]);
    }

    #[test]
    fn comments() {
        check("a--b\rc", &["Word a", "LineComment --b", "Word c"]);
        check("+--b", &["Symbol +", "LineComment --b"]);
        check("*/*a*/b", &["Symbol *", "BlockComment /*a*/", "Word b"]);
        check("/*/**/;**/b", &["BlockComment /*/**/;**/", "Word b"]);
        check(
            "/*/ */ */b",
            &["BlockComment /*/ */", "Symbol *", "Symbol /", "Word b"],
        );
        check("-/", &["Symbol -", "Symbol /"]);
    }
}
