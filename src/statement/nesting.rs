//! Lexemes of one statement → does a `;` end it, and does data follow.

use super::CopyDirection;
use super::lexer::Token;

/// The beginning of the statement, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Head {
    #[default]
    Empty,
    Create,
    CreateOr,
    CreateOrReplace,
    /// `CREATE [OR REPLACE] FUNCTION|PROCEDURE`, which may have a body.
    Routine,
    Copy,
    /// `COPY … FROM STDIN`
    CopyFromStdin,
    /// `COPY … TO STDOUT`
    CopyToStdout,
    Other,
}

/// The lexeme before, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Previous {
    /// `AS` or `.`: what follows is a name, whatever it looks like.
    Name,
    Begin,
    From,
    To,
    /// `FORMAT` among the options of a COPY.
    Format,
    #[default]
    Other,
}

/// Parentheses and `BEGIN ATOMIC … END` bodies that are open in a statement.
///
/// psql counts every BEGIN and END of a routine. Here only `BEGIN ATOMIC`
/// opens a body, and names after `AS` or a dot are not counted, so that a
/// column called `end` does no harm: more than psql accepts, never less.
#[derive(Clone, Debug, Default)]
pub(super) struct Nesting {
    parentheses: usize,
    /// Open body and the CASEs in it.
    blocks: usize,
    head: Head,
    previous: Previous,
    /// `COPY BINARY`, or one of the other ways to say so.
    is_binary: bool,
    /// Whether the options of a COPY are behind us.
    is_where: bool,
}

impl Nesting {
    /// Takes the next lexeme that is not trivia; `text` is its bytes.
    pub(super) fn see(&mut self, token: Token, text: &[u8]) {
        match token {
            Token::Open => self.parentheses += 1,
            Token::Close => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        if matches!(self.head, Head::Other | Head::CopyToStdout) {
            return;
        }
        let previous = std::mem::take(&mut self.previous);
        if previous == Previous::Format {
            let value = match text {
                [quote @ (b'\'' | b'"'), value @ .., last] if quote == last => value,
                _ => text,
            };
            self.is_binary |= value.eq_ignore_ascii_case(b"binary");
        }
        if self.head == Head::CopyFromStdin && self.parentheses == 1 && !self.is_where {
            let is_format = match token {
                Token::Word => text.eq_ignore_ascii_case(b"format"),
                Token::Quoted => text == b"\"format\"",
                _ => false,
            };
            if is_format {
                self.previous = Previous::Format;
            }
        }
        match token {
            Token::Word => self.word(previous, text),
            Token::Dot => self.previous = Previous::Name,
            _ if self.head == Head::Empty => self.head = Head::Other,
            _ => {}
        }
    }

    fn word(&mut self, previous: Previous, text: &[u8]) {
        let is = |keyword: &str| text.eq_ignore_ascii_case(keyword.as_bytes());
        self.head = match self.head {
            Head::Empty if is("create") => Head::Create,
            Head::Empty if is("copy") => Head::Copy,
            Head::Create if is("or") => Head::CreateOr,
            Head::CreateOr if is("replace") => Head::CreateOrReplace,
            Head::Create | Head::CreateOrReplace if is("function") || is("procedure") => {
                Head::Routine
            }
            // STDOUT means the same here: the server's grammar says so.
            Head::Copy if previous == Previous::From => {
                if is("stdin") || is("stdout") {
                    Head::CopyFromStdin
                } else {
                    Head::Other
                }
            }
            Head::Copy if previous == Previous::To => {
                if is("stdin") || is("stdout") {
                    Head::CopyToStdout
                } else {
                    Head::Other
                }
            }
            head @ (Head::Copy | Head::CopyFromStdin)
                if self.parentheses == 0 && previous != Previous::Name =>
            {
                // No table can have this name without quotes.
                self.is_binary |= !self.is_where && is("binary");
                self.is_where |= head == Head::CopyFromStdin && is("where");
                head
            }
            head @ (Head::Routine | Head::Copy | Head::CopyFromStdin) => head,
            _ => Head::Other,
        };
        if self.parentheses > 0 || previous == Previous::Name {
            return;
        }
        match self.head {
            Head::Copy if is("from") => self.previous = Previous::From,
            Head::Copy if is("to") => self.previous = Previous::To,
            Head::Routine if is("as") => self.previous = Previous::Name,
            Head::Routine if is("begin") => self.previous = Previous::Begin,
            Head::Routine if is("atomic") && previous == Previous::Begin => self.blocks += 1,
            Head::Routine if is("case") && self.blocks > 0 => self.blocks += 1,
            Head::Routine if is("end") => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }

    /// Whether a `;` here ends the statement.
    pub(super) fn is_closed(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    /// Whether the statement is `COPY … FROM STDIN` of binary data.
    pub(super) fn copies_binary(&self) -> bool {
        self.head == Head::CopyFromStdin && self.is_binary
    }

    /// Whether the statement is a COPY from or to the client.
    pub(super) fn copies(&self) -> Option<CopyDirection> {
        match self.head {
            Head::CopyFromStdin => Some(CopyDirection::FromStdin),
            Head::CopyToStdout => Some(CopyDirection::ToStdout),
            _ => None,
        }
    }
}
