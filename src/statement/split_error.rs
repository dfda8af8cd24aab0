//! Why a file could not be cut into statements.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, code};
use crate::text::{Position, Source, Span};

/// What is wrong with the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitErrorKind {
    /// A psql meta-command; its name without the backslash, `gset` for
    /// example, empty for a lone backslash.
    MetaCommand(String),
    /// `'…` or `E'…` without its end.
    UnterminatedString,
    /// `"…` without its end.
    UnterminatedIdentifier,
    /// `$tag$…` without its end; the delimiter, `$tag$` for example.
    UnterminatedDollarQuote(String),
    /// `/*…` without its end.
    UnterminatedComment,
    /// A statement that begins on the line of a `COPY … FROM STDIN`, and ends
    /// after the data.
    AroundCopyData,
    /// `COPY … FROM STDIN` of binary data, which no text file holds.
    BinaryCopy,
    /// A statement that is not UTF-8.
    InvalidUtf8,
    /// A statement with a zero byte, which PostgreSQL takes nowhere.
    NulByte,
}

/// A [`SplitErrorKind`] and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitError {
    /// What is wrong.
    pub kind: SplitErrorKind,
    /// Bytes in the file: the meta-command, the opening delimiter, the byte.
    pub span: Span,
    /// Line and column of `span.start`.
    pub position: Position,
}

impl SplitErrorKind {
    /// Code of the diagnostic.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::MetaCommand(_) => code::PSQL_META_COMMAND,
            Self::UnterminatedString => code::UNTERMINATED_STRING,
            Self::UnterminatedIdentifier => code::UNTERMINATED_IDENTIFIER,
            Self::UnterminatedDollarQuote(_) => code::UNTERMINATED_DOLLAR_QUOTE,
            Self::UnterminatedComment => code::UNTERMINATED_COMMENT,
            Self::AroundCopyData => code::STATEMENT_AROUND_COPY_DATA,
            Self::BinaryCopy => code::BINARY_COPY,
            Self::InvalidUtf8 => code::INVALID_UTF8,
            Self::NulByte => code::NUL_BYTE,
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::MetaCommand(_) => "only psql knows this",
            Self::UnterminatedString
            | Self::UnterminatedIdentifier
            | Self::UnterminatedDollarQuote(_)
            | Self::UnterminatedComment => "begins here and never ends",
            Self::AroundCopyData => "begins before the data, ends after it",
            Self::BinaryCopy => "its data would be the rest of the file",
            Self::InvalidUtf8 | Self::NulByte => "here",
        }
    }

    fn help(&self) -> String {
        let command = match self {
            Self::MetaCommand(command) => command.as_str(),
            Self::UnterminatedDollarQuote(delimiter) => {
                return format!("close it with `{delimiter}`");
            }
            Self::UnterminatedString => {
                return "close it with `'`; a quote inside is doubled".into();
            }
            Self::UnterminatedIdentifier => return "close it with `\"`".into(),
            Self::UnterminatedComment => {
                return "close it with `*/`; comments nest, so each `/*` needs its own".into();
            }
            Self::AroundCopyData => return "move it to the line after `\\.`".into(),
            Self::BinaryCopy => {
                return "write the data as text or CSV, or let the server read a file of its own: `COPY … FROM '/path' (FORMAT binary)`".into();
            }
            Self::InvalidUtf8 => return "save the file as UTF-8".into(),
            Self::NulByte => return "remove the byte, or save the file as UTF-8".into(),
        };
        match command {
            "." => "`\\.` ends the data of `COPY … FROM STDIN;`, and none is open here".into(),
            "copy" => "write `COPY … FROM STDIN;`, the data below it, and `\\.`".into(),
            "i" | "ir" | "include" | "include_relative" => {
                "make the other file a migration of its own".into()
            }
            "c" | "connect" => "use `-- segue: connection: …` in a file of its own".into(),
            "set" | "getenv" | "setenv" => {
                "use `-- segue: env-vars: …` to put values into a file".into()
            }
            "g" | "gx" | "gset" | "gexec" | "gdesc" | ";" | "parse" | "bind" | "sendpipeline" => {
                "end the statement with `;`, and use `DO` where its result decides".into()
            }
            "restrict" | "unrestrict" => {
                "`\\restrict KEY` stands alone on its line, between two statements".into()
            }
            _ => "remove the line: segue sends SQL only".into(),
        }
    }
}

impl fmt::Display for SplitErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MetaCommand(command) => {
                write!(f, "psql meta-command `\\{command}` is not SQL")
            }
            Self::UnterminatedString => f.write_str("unterminated string"),
            Self::UnterminatedIdentifier => f.write_str("unterminated quoted identifier"),
            Self::UnterminatedDollarQuote(_) => f.write_str("unterminated dollar-quoted string"),
            Self::UnterminatedComment => f.write_str("unterminated comment"),
            Self::AroundCopyData => f.write_str("statement is cut in two by the data of a `COPY`"),
            Self::BinaryCopy => f.write_str("binary data cannot stand in a migration"),
            Self::InvalidUtf8 => f.write_str("statement is not UTF-8"),
            Self::NulByte => f.write_str("statement contains a zero byte"),
        }
    }
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "{line}:{column}: {}", self.kind)
    }
}

impl std::error::Error for SplitError {}

impl SplitError {
    /// The error as a diagnostic over `source`, which may be a window that
    /// holds [`SplitError::span`].
    #[must_use]
    pub fn diagnostic(&self, source: &Arc<Source>) -> Diagnostic {
        Diagnostic::new(self.kind.code(), self.kind.to_string())
            .source(source)
            .label(self.span, self.kind.label())
            .help(self.kind.help())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::split;

    /// The diagnostic of a text over a window that begins at its second line.
    #[track_caller]
    fn check(text: &str, expected: [&str; 4]) {
        let error = split(text).expect_err(text);
        let start = text.find('\n').expect("two lines") + 1;
        let source = Arc::new(Source::window("a.sql", &text[start..], start, 2));
        let diagnostic = error.diagnostic(&source);
        assert_eq!(diagnostic.position(), Some(error.position));
        let shown = [
            diagnostic.code.as_str(),
            &diagnostic.message,
            &source.text()[source.range(diagnostic.labels[0].span)],
            &diagnostic.helps[0],
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn errors_say_what_to_do() {
        check(
            "SELECT 1;\n  \\copy t FROM 'a'\n",
            [
                "psql-meta-command",
                "psql meta-command `\\copy` is not SQL",
                "\\copy",
                "write `COPY … FROM STDIN;`, the data below it, and `\\.`",
            ],
        );
        check(
            "SELECT 1;\n\\.\n",
            [
                "psql-meta-command",
                "psql meta-command `\\.` is not SQL",
                "\\.",
                "`\\.` ends the data of `COPY … FROM STDIN;`, and none is open here",
            ],
        );
        check(
            "SELECT 1;\n\\timing\n",
            [
                "psql-meta-command",
                "psql meta-command `\\timing` is not SQL",
                "\\timing",
                "remove the line: segue sends SQL only",
            ],
        );
        check(
            "SELECT\n 'a",
            [
                "unterminated-string",
                "unterminated string",
                "'",
                "close it with `'`; a quote inside is doubled",
            ],
        );
        check(
            "DO\n $é$ BEGIN",
            [
                "unterminated-dollar-quote",
                "unterminated dollar-quoted string",
                "$é$",
                "close it with `$é$`",
            ],
        );
        check(
            "\n/* /* */",
            [
                "unterminated-comment",
                "unterminated comment",
                "/*",
                "close it with `*/`; comments nest, so each `/*` needs its own",
            ],
        );
        check(
            "\nCOPY t FROM STDIN; SELECT\n\\.\n1;",
            [
                "statement-around-copy-data",
                "statement is cut in two by the data of a `COPY`",
                "SELECT\n",
                "move it to the line after `\\.`",
            ],
        );
        check(
            "\nSELECT 'a\0'",
            [
                "nul-byte",
                "statement contains a zero byte",
                "\0",
                "remove the byte, or save the file as UTF-8",
            ],
        );
    }
}
