//! Comments of a header, turned into [`Directives`].

use std::ops::Range;
use std::sync::Arc;

use super::check::{Places, together};
use super::comment::{Comment, Item, Tail, block_comment, line_comment};
use super::lexer::{Kind as TokenKind, Token, tokens};
use super::table::{Argument, Entry, Kind, TABLE};
use super::{Directives, SchemaDiff, TransactionMode, argument, schema_diff};
use crate::diagnostic::{Diagnostic, code};
use crate::text::{Source, Span, Spanned};

/// The directives in the header of `source`, and everything that is wrong with
/// them, in the order of their places.
///
/// `source` begins where the file begins and holds at least its header; what
/// follows the header is not looked at.
#[must_use]
pub fn parse(source: &Arc<Source>) -> (Directives, Vec<Diagnostic>) {
    let mut parser = Parser {
        text: source.text(),
        directives: Directives::default(),
        places: Places::new(),
        open: None,
        found: Vec::new(),
    };
    for token in tokens(source.text()) {
        match token.kind {
            TokenKind::Space => {}
            TokenKind::LineComment => parser.line(&token),
            TokenKind::BlockComment => parser.block(&token),
            _ => break,
        }
    }
    parser.unterminated();
    let Parser {
        directives,
        places,
        mut found,
        ..
    } = parser;
    found.extend(together(&places));
    found.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
    let found = found
        .into_iter()
        .map(|diagnostic| diagnostic.source(source));
    (directives, found.collect())
}

struct Parser<'a> {
    text: &'a str,
    directives: Directives,
    places: Places,
    open: Option<OpenDiff>,
    found: Vec<Diagnostic>,
}

/// A schema diff whose end has not come yet.
struct OpenDiff {
    name: Span,
    start: usize,
    /// What stands behind the dashes of each line.
    lines: Vec<Range<usize>>,
}

impl Parser<'_> {
    fn line(&mut self, token: &Token) {
        match line_comment(self.text, &token.range) {
            Comment::Directives(items) => self.items(&items, token),
            comment => {
                if let Some(open) = &mut self.open {
                    open.lines
                        .push(token.range.start + "--".len()..token.range.end);
                } else {
                    self.misspelt(comment);
                }
            }
        }
    }

    fn block(&mut self, token: &Token) {
        for comment in block_comment(self.text, &token.range) {
            self.misspelt(comment);
        }
        if self.open.is_some() {
            self.found.push(
                Diagnostic::new(
                    code::MALFORMED_SCHEMA_DIFF,
                    "a block comment stands in the schema diff",
                )
                .label(to_span(&token.range), "only `--` comments may stand here")
                .help("restore the lines that `segue add` wrote"),
            );
        }
    }

    fn misspelt(&mut self, comment: Comment) {
        if let Comment::Misspelt { span, correction } = comment {
            self.found.push(
                Diagnostic::new(
                    code::MISSPELT_DIRECTIVE,
                    "this comment is almost a directive, and would have no effect",
                )
                .label(span, "not the form of a directive")
                .help(format!("write `{correction}`")),
            );
        }
    }

    fn items(&mut self, items: &[Item], token: &Token) {
        let alone = items.len() == 1;
        for item in items {
            let name = &item.name.value;
            if let Some(entry) = Entry::named(name) {
                self.directive(entry, item, token, alone);
            } else if item.codd && name == "no-parse" {
                self.no_parse(item);
            } else if item.codd && name == "requires-codd-schema" {
                // `codd add` writes it into files that use its functions.
                self.found.push(
                    Diagnostic::new(code::CODD_FUNCTION, "this file needs codd's own functions")
                        .label(item.name.span, "not there for segue")
                        .help(super::codd::WAY_ON),
                );
            } else {
                self.unknown(item);
            }
        }
    }

    fn unknown(&mut self, item: &Item) {
        let name = &item.name.value;
        if name.is_empty() {
            self.found.push(
                Diagnostic::new(code::UNKNOWN_DIRECTIVE, "a directive's name is missing")
                    .label(item.name.span, "expected a name here")
                    .help(all_names()),
            );
            return;
        }
        let near = Entry::near(name);
        // Its block ends here, only misspelt.
        if near.is_some_and(|near| near.kind == Kind::SchemaDiffEnd) {
            self.open = None;
        }
        let help = near.map_or_else(all_names, |near| format!("did you mean `{}`?", near.name));
        self.found.push(
            Diagnostic::new(
                code::UNKNOWN_DIRECTIVE,
                format!("there is no directive `{name}`"),
            )
            .label(item.name.span, "not a directive")
            .help(help),
        );
    }

    /// codd sends such a file unparsed, in a transaction; for segue, which
    /// splits it, only the transaction is left of that.
    fn no_parse(&mut self, item: &Item) {
        if let Some(stray) = stray(item) {
            self.found.push(unexpected(&item.name.value, stray));
        }
        self.places.entry(Kind::InTxn).or_insert(item.name.span);
        let mode = Spanned::new(TransactionMode::Block, item.name.span);
        self.directives.transaction.get_or_insert(mode);
    }

    fn directive(&mut self, entry: &'static Entry, item: &Item, token: &Token, alone: bool) {
        let span = item.name.span;
        let diff = matches!(entry.kind, Kind::SchemaDiffBegin | Kind::SchemaDiffEnd);
        if diff && !alone {
            self.found.push(
                Diagnostic::new(
                    code::MALFORMED_SCHEMA_DIFF,
                    format!("`{}` does not stand alone in its line", entry.name),
                )
                .label(span, "needs a line of its own")
                .help("restore the lines that `segue add` wrote"),
            );
            return;
        }
        if entry.kind == Kind::SchemaDiffEnd {
            self.close(item, token);
            return;
        }
        self.unterminated();
        // codd reads all its lists of variables as one.
        let repeats = matches!(entry.kind, Kind::EnvVars | Kind::Allow);
        if let Some(first) = self.places.get(&entry.kind)
            && !repeats
        {
            self.found.push(repeated(entry, span, *first));
            if entry.kind == Kind::SchemaDiffBegin {
                self.begin(item, token);
            }
            return;
        }
        self.places.entry(entry.kind).or_insert(span);
        match (entry.argument, &item.tail) {
            (Argument::None, _) => {
                if let Some(stray) = stray(item) {
                    self.found.push(unexpected(entry.name, stray));
                }
                self.plain(entry.kind, item, token);
            }
            (Argument::Needed(_), Tail::Argument(value)) if !value.value.is_empty() => {
                if let Err(problem) = self.argument(entry.kind, value) {
                    self.found.push(problem);
                }
            }
            (Argument::Needed(form), tail) => self.found.push(missing(entry, form, span, tail)),
        }
    }

    fn plain(&mut self, kind: Kind, item: &Item, token: &Token) {
        let span = item.name.span;
        let mode = |mode| Spanned::new(mode, span);
        let directives = &mut self.directives;
        match kind {
            // Of two contradicting ones the first holds, beside the error.
            Kind::NoTxn => {
                directives
                    .transaction
                    .get_or_insert(mode(TransactionMode::Autocommit));
            }
            Kind::InTxn => {
                directives
                    .transaction
                    .get_or_insert(mode(TransactionMode::Block));
            }
            Kind::Rerunnable => directives.rerunnable = Some(span),
            Kind::SchemaDiffBegin => self.begin(item, token),
            _ => {}
        }
    }

    fn argument(&mut self, kind: Kind, value: &Spanned<String>) -> Result<(), Diagnostic> {
        let directives = &mut self.directives;
        match kind {
            Kind::BeginWith => directives.begin_with = Some(argument::file(value)?),
            Kind::Connection => {
                directives.connection = Some(argument::connection(value.clone())?);
            }
            Kind::Backfill => directives.backfill = Some(argument::backfill(value)?),
            Kind::SchemaVersion => directives.schema_version = Some(argument::version(value)?),
            Kind::Allow => directives.allow.push(argument::waiver(value)?),
            Kind::End => {
                for file in argument::list(value) {
                    match file.and_then(argument::file_name) {
                        Ok(file) => self.end(file),
                        Err(problem) => self.found.push(problem),
                    }
                }
            }
            Kind::EnvVars => {
                for name in argument::list(value) {
                    match name.and_then(argument::variable) {
                        Ok(name)
                            if self
                                .directives
                                .env_vars
                                .iter()
                                .any(|given| given.value == name.value) => {}
                        Ok(name) => self.directives.env_vars.push(name),
                        Err(problem) => self.found.push(problem),
                    }
                }
            }
            Kind::NoTxn
            | Kind::InTxn
            | Kind::Rerunnable
            | Kind::SchemaDiffBegin
            | Kind::SchemaDiffEnd => {}
        }
        Ok(())
    }

    fn end(&mut self, file: Spanned<String>) {
        let mut given = self.directives.end.iter();
        if let Some(given) = given.find(|given| given.value == file.value) {
            let message = format!("`{}` is already named", file.value);
            self.found.push(
                Diagnostic::new(code::REPEATED_MIGRATION, message)
                    .label(file.span, "named again here")
                    .label(given.span, "first named here")
                    .help("remove one of the two"),
            );
        } else {
            self.directives.end.push(file);
        }
    }

    fn begin(&mut self, item: &Item, token: &Token) {
        self.open = Some(OpenDiff {
            name: item.name.span,
            start: schema_diff::begin(self.text, token),
            lines: Vec::new(),
        });
    }

    fn close(&mut self, item: &Item, token: &Token) {
        if let Some(stray) = stray(item) {
            self.found.push(unexpected(&item.name.value, stray));
        }
        let Some(open) = self.open.take() else {
            self.found.push(
                Diagnostic::new(
                    code::MISPLACED_DIRECTIVE,
                    "`schema-diff-end` has no meaning here",
                )
                .label(item.name.span, "no schema diff is open")
                .help("restore the lines that `segue add` wrote, from `schema-diff-begin` on"),
            );
            return;
        };
        let span = Span::new(open.start, schema_diff::line_end(self.text, token));
        match schema_diff::parts(self.text, &open.lines, token.range.start) {
            Ok(parts) => {
                self.directives
                    .schema_diff
                    .get_or_insert(SchemaDiff { span, parts });
            }
            Err(malformed) => self.found.push(
                Diagnostic::new(
                    code::MALFORMED_SCHEMA_DIFF,
                    "the schema diff cannot be read",
                )
                .label(Span::new(malformed.at, malformed.at), malformed.reason)
                .help("restore the lines that `segue add` wrote"),
            ),
        }
    }

    /// Reports the schema diff that is open, if there is one.
    fn unterminated(&mut self) {
        if let Some(open) = self.open.take() {
            self.found.push(
                Diagnostic::new(
                    code::UNTERMINATED_SCHEMA_DIFF,
                    "the schema diff has no end",
                )
                .label(open.name, "begins here")
                .help("restore the lines that `segue add` wrote, up to `-- segue: schema-diff-end`"),
            );
        }
    }
}

/// What stands behind a directive that takes no argument.
fn stray(item: &Item) -> Option<Span> {
    match &item.tail {
        Tail::Nothing => None,
        // The colon alone is too much already.
        Tail::Argument(text) => Some(Span::new(item.name.span.end, text.span.end)),
        Tail::Stray(text) => Some(text.span),
    }
}

fn unexpected(name: &str, stray: Span) -> Diagnostic {
    Diagnostic::new(
        code::UNEXPECTED_ARGUMENT,
        format!("`{name}` takes no argument"),
    )
    .label(stray, "not expected")
    .help("put remarks on a comment line of their own")
}

fn missing(entry: &Entry, form: &str, span: Span, tail: &Tail) -> Diagnostic {
    let name = entry.name;
    let (message, place, reason) = match tail {
        Tail::Stray(text) => (
            format!("`{name}` needs a colon before its argument"),
            text.span,
            "expected `:` before this",
        ),
        Tail::Nothing | Tail::Argument(_) => (
            format!("`{name}` needs an argument"),
            span,
            "the argument is missing",
        ),
    };
    Diagnostic::new(code::MISSING_ARGUMENT, message)
        .label(place, reason)
        .help(format!("write `-- segue: {name}: {form}`"))
}

fn repeated(entry: &Entry, span: Span, first: Span) -> Diagnostic {
    let help = match entry.kind {
        Kind::End => "name all files in one line, with commas between them",
        _ => "remove one of the two",
    };
    Diagnostic::new(
        code::REPEATED_DIRECTIVE,
        format!("`{}` is already given", entry.name),
    )
    .label(span, "given again here")
    .label(first, "first given here")
    .help(help)
}

fn all_names() -> String {
    let names: Vec<_> = TABLE
        .iter()
        .map(|entry| format!("`{}`", entry.name))
        .collect();
    format!("the directives are {}", names.join(", "))
}

fn to_span(range: &Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

#[cfg(test)]
mod tests;
