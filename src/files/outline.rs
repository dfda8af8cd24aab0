//! The statements of a pending migration, read once before anything runs:
//! what they are, and what can be refused beforehand.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};

use memchr::memmem;

use super::{Error, Reader, excerpt, in_parallel, unreadable};
use crate::diagnostic::{Diagnostic, code};
use crate::directive::{codd_function_call, codd_function_diagnostic, late_directives};
use crate::migration::{Bringing, Item, Kind, Migration, Outline, Relations};
use crate::statement::{
    Brings, Class, Digest, Kind as StatementKind, Piece, RelationName, SplitError, Splitter,
    Statement, TransactionControl, digest, digests, fold, is_one, locks, reads_enum_value,
};
use crate::text::{Filled, Span};

mod bounded;

use bounded::Bounded;

/// How closely batch migrations are looked at; the statements of standalone
/// and concurrent ones are always parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// By their keywords.
    Keywords,
    /// Parsed, to know what they touch.
    Relations,
}

/// So many statements of a file are parsed to see whether they use an enum
/// value of its own.
const CANDIDATES_MAX: usize = 200;

/// So many statements of a file are parsed to see which tables they lock.
const LOCKERS_MAX: usize = 1000;

/// Files above this are not parsed for what they touch: that is not known.
const PARSED_BYTES_MAX: usize = 4 << 20;

/// Fills in the outlines of `migrations` and reports what cannot run.
///
/// # Errors
/// The first file that cannot be read.
pub fn outline(migrations: &mut [&mut Migration], depth: Depth) -> Result<Vec<Diagnostic>, Error> {
    let read: Vec<&Migration> = migrations.iter().map(|migration| &**migration).collect();
    let results = in_parallel(&read, |migration| read_one(migration, depth));
    let mut all = Vec::new();
    for (migration, result) in migrations.iter_mut().zip(results) {
        let (outline, diagnostics) = result?;
        migration.outline = Some(outline);
        all.extend(diagnostics);
    }
    Ok(all)
}

/// Words by which a comment may be a directive.
const WORDS: [&[u8]; 3] = [b"segue", b"codd", b"seque"];

struct Reading<'a> {
    migration: &'a Migration,
    outline: Outline,
    diagnostics: Vec<Diagnostic>,
    /// Statements that are parsed at the end, together.
    texts: Vec<String>,
    /// Those of them that the parser would read otherwise than the server.
    unknown: Vec<usize>,
    bytes: usize,
    /// Where one of [`WORDS`] stands, still to be looked at.
    words: VecDeque<usize>,
    /// Stretches outside of COPY data that hold one of [`WORDS`].
    suspects: Vec<Span>,
    end: usize,
    /// Enum values that the statements so far have added: type and value.
    values: Vec<(RelationName, String)>,
    /// How many statements after them were parsed for that.
    candidates: usize,
    /// Statements that may take a strong lock.
    lockers: Vec<String>,
}

/// The outline of one migration, and what is wrong with its statements.
pub(super) fn read_one(
    migration: &Migration,
    depth: Depth,
) -> Result<(Outline, Vec<Diagnostic>), Error> {
    let mut file = Reader::open(migration)?;
    let mut reading = Reading {
        migration,
        outline: Outline {
            is_parsed: migration.kind != Kind::Batch || depth == Depth::Relations,
            ..Outline::default()
        },
        diagnostics: Vec::new(),
        texts: Vec::new(),
        unknown: Vec::new(),
        bytes: 0,
        words: VecDeque::new(),
        suspects: Vec::new(),
        end: 0,
        values: Vec::new(),
        candidates: 0,
        lockers: Vec::new(),
    };
    let mut splitter = match migration.kind {
        Kind::Batch => Splitter::in_transaction(),
        Kind::Standalone | Kind::Concurrent => Splitter::new(),
    };
    let mut chunk = vec![0; 64 * 1024];
    let mut at = 0;
    let split = loop {
        let length = file
            .read(&mut chunk)
            .map_err(|error| unreadable(&migration.path, error))?;
        if length == 0 {
            break splitter.finish(&mut |piece| {
                reading.take(piece);
                Ok::<_, SplitError>(())
            });
        }
        reading.find_words(&chunk[..length], at);
        at += length;
        let result = splitter.push(&chunk[..length], &mut |piece| {
            reading.take(piece);
            Ok::<_, SplitError>(())
        });
        if result.is_err() {
            break result;
        }
    };
    if let Err(error) = split {
        let source = excerpt(migration, error.span, error.position.line);
        reading.diagnostics.push(error.diagnostic(&source));
    } else {
        reading.refuse_backfill_of_nothing();
        if !reading.words.is_empty() {
            reading.suspects.push(Span::new(reading.end, at));
        }
    }
    for span in std::mem::take(&mut reading.suspects) {
        reading.look_for_directives(span)?;
    }
    if reading.diagnostics.is_empty() {
        reading.parse();
    }
    Ok((reading.outline, reading.diagnostics))
}

impl Reading<'_> {
    /// Notes where a word of interest stands, overlapping chunks included in
    /// neither: a word cut in two is an editor's accident, not a directive.
    fn find_words(&mut self, chunk: &[u8], at: usize) {
        const WORDS_MAX: usize = 100_000;
        for word in WORDS {
            for found in memmem::find_iter(chunk, word) {
                if self.words.len() < WORDS_MAX {
                    self.words.push_back(at + found);
                }
            }
        }
        self.words.make_contiguous().sort_unstable();
    }

    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Statement(statement) => self.statement(statement),
            Piece::CopyData(_) => {}
            Piece::CopyEnd { raw } => {
                while self.words.front().is_some_and(|word| *word < raw.start) {
                    self.words.pop_front();
                }
            }
        }
    }

    fn statement(&mut self, statement: Statement) {
        let line = statement.position.line;
        let mut has_word = false;
        while self
            .words
            .front()
            .is_some_and(|word| *word < statement.raw.end)
        {
            let word = self.words.pop_front();
            has_word |= word >= Some(statement.raw.start);
        }
        if has_word {
            self.suspects.push(statement.raw);
        }
        self.end = statement.raw.end;
        self.outline.statements += 1;

        let filled = self.migration.variables.fill(&statement.text);
        if let Some(filled) = &filled
            && !is_one(&filled.text, &statement)
        {
            self.refuse_value(&statement, filled);
            return;
        }
        let text = filled.as_ref().map_or(&statement.text, |one| &one.text);
        let class = Class::of(text);
        self.outline.adds_enum_value |= class.adds_enum_value;
        self.outline.may_make_types |= may_make_types(&class);
        if self.migration.kind == Kind::Batch {
            self.refuse_control(&statement, text, &class);
            self.refuse_autocommit(&statement, text, &class);
            if self.lockers.len() < LOCKERS_MAX
                && class.may_lock_strongly(text)
                && !statement.is_misread(text)
            {
                self.lockers.push(text.clone());
            }
            // What a variable holds is not shown.
            if filled.is_none() {
                self.own_value(&statement, &class);
            }
        }
        if let Some(what) = Brings::of(text)
            && self.outline.brings.iter().all(|one| one.what != what)
        {
            let length = statement.text.lines().next().map_or(0, str::len);
            let span = Span::new(statement.span.start, statement.span.start + length);
            self.outline.brings.push(Bringing {
                what,
                source: excerpt(self.migration, span, line),
                span,
            });
        }
        if let Some((range, name)) = codd_function_call(text) {
            let (start, end) = match &filled {
                Some(filled) => filled.written_range(range.start, range.end),
                None => (range.start, range.end),
            };
            let span = Span::new(statement.span.start + start, statement.span.start + end);
            let source = excerpt(self.migration, statement.span, line);
            self.diagnostics
                .push(codd_function_diagnostic(span, &name).source(&source));
        }
        self.refuse_stray_bound(&statement, text);
        self.bytes += statement.text.len();
        if self.migration.kind != Kind::Batch {
            self.outline.items.push(Item {
                fingerprint: statement.fingerprint(),
                span: statement.span,
                line,
                digest: None,
            });
        }
        let is_small = self.bytes <= PARSED_BYTES_MAX || self.migration.backfill.is_some();
        if self.outline.is_parsed && is_small {
            if statement.is_misread(text) {
                self.unknown.push(self.texts.len());
            }
            match self.bounded(&statement, filled.as_ref()) {
                Bounded::Unbounded => self
                    .texts
                    .push(filled.map_or(statement.text, |filled| filled.text)),
                Bounded::Parameters(text) => self.texts.push(text),
                Bounded::Refused => {}
            }
        }
    }

    /// A value that was added cannot be used before it is committed.
    fn own_value(&mut self, statement: &Statement, class: &Class) {
        let text = &statement.text;
        if class.adds_enum_value {
            // One that may be there already can be used.
            if let Some(StatementKind::AlterTypeAddValue {
                type_name,
                value,
                if_not_exists: false,
            }) = digest(text).map(|digest| digest.kind)
            {
                self.values.push((type_name, value));
            }
            return;
        }
        if self.values.is_empty() {
            return;
        }
        // By another search path a name may be another type.
        if ["SET", "RESET", "DISCARD"]
            .iter()
            .any(|word| class.keywords.starts_with(word))
            || text.to_ascii_lowercase().contains("set_config")
        {
            self.values.retain(|(of, _)| of.namespace.is_some());
        }
        let mut values = self
            .values
            .iter()
            .filter(|(_, value)| memmem::find(text.as_bytes(), value.as_bytes()).is_some());
        // Parsing is for the few that may name one: in a dump's rows any word
        // may stand.
        if self.candidates >= CANDIDATES_MAX || values.clone().next().is_none() {
            return;
        }
        self.candidates += 1;
        let used = values.find(|(of, value)| reads_enum_value(text, of, value));
        if let (None, Some((of, value))) = (&self.outline.own_value, used) {
            let source = excerpt(self.migration, statement.span, statement.position.line);
            self.outline.own_value = Some(Box::new(
                Diagnostic::new(
                    code::OWN_ENUM_VALUE,
                    format!("value `{value}` of `{of}` is used in the file that adds it"),
                )
                .source(&source)
                .label(statement.span, "cannot be used before it is committed")
                .help("write `-- segue: no-txn` at the top of the file: each statement is then committed by itself")
                .help("or add the value in a file of its own before this one: the transaction ends between the two"),
            ));
        }
    }

    /// A transactional file must leave its transaction alone.
    fn refuse_control(&mut self, statement: &Statement, text: &str, class: &Class) {
        use TransactionControl as Control;
        let word = match class.control {
            None
            | Some(Control::Begin | Control::Savepoint | Control::Release | Control::RollbackTo) => {
                return;
            }
            Some(_) => text
                .split(|char: char| !char.is_ascii_alphabetic())
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase(),
        };
        let source = excerpt(self.migration, statement.span, statement.position.line);
        self.diagnostics.push(
            Diagnostic::new(
                code::TRANSACTION_CONTROL,
                format!("`{word}` in a migration that runs inside a transaction block"),
            )
            .source(&source)
            .label(statement.span, "would end the transaction of the whole batch")
            .help("remove it, or write `-- segue: no-txn` at the top of the file: its statements then run outside of the batch's transaction"),
        );
    }

    /// The server would refuse it too, after what comes before is committed,
    /// and one file at a time.
    fn refuse_autocommit(&mut self, statement: &Statement, text: &str, class: &Class) {
        // Those that end a transaction are told of as that; of a file, the
        // first says enough.
        let is_told = self
            .diagnostics
            .iter()
            .any(|one| one.code == code::NEEDS_AUTOCOMMIT);
        if is_told
            || class.control.is_some()
            || !class.may_refuse_transaction_block(text)
            || statement.is_misread(text)
            || !digest(text).is_some_and(|digest| digest.refuses_transaction_block())
        {
            return;
        }
        let source = excerpt(self.migration, statement.span, statement.position.line);
        self.diagnostics.push(
            Diagnostic::new(
                code::NEEDS_AUTOCOMMIT,
                format!("`{}` cannot run inside a transaction block", class.keywords),
            )
            .source(&source)
            .label(statement.span, "PostgreSQL refuses it there")
            .help(self.migration.name.outside_help()),
        );
    }

    /// A value may not make another statement of it, or several.
    fn refuse_value(&mut self, statement: &Statement, filled: &Filled) {
        let names = self.migration.variables.taken(&filled.written);
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let source = excerpt(self.migration, statement.span, statement.position.line);
        self.diagnostics.push(
            Diagnostic::new(
                code::UNUSABLE_VALUE,
                format!("with {} this is no single statement", names.join(" and ")),
            )
            .source(&source)
            .label(statement.span, "a value ends it, or what it stands in")
            .help("escape the value as this place in the SQL needs it; a `'` in a string is written twice"),
        );
    }

    fn look_for_directives(&mut self, span: Span) -> Result<(), Error> {
        let header = self.migration.source.text().len();
        let start = span.start.max(header);
        if start >= span.end {
            return Ok(());
        }
        let mut bytes = vec![0; span.end - start];
        let mut file = Reader::open(self.migration)?;
        file.seek(SeekFrom::Start(start as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| unreadable(&self.migration.path, error))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let found = late_directives(&text, start, || {
            let line = line_of(self.migration, start).unwrap_or(1);
            excerpt(self.migration, Span::new(start, span.end), line)
        });
        self.diagnostics.extend(found);
        Ok(())
    }

    fn parse(&mut self) {
        if !self.lockers.is_empty() {
            let texts: Vec<&str> = self.lockers.iter().map(String::as_str).collect();
            for all in locks(&texts).into_iter().flatten() {
                for (relation, mode) in all.strong() {
                    self.outline.strong_locks.add(relation.clone(), mode);
                }
            }
        }
        if !self.outline.is_parsed {
            return;
        }
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let mut digests = digests(&texts);
        for index in &self.unknown {
            digests[*index] = None;
        }
        let is_whole = texts.len() == self.outline.statements;
        if is_whole && digests.iter().all(Option::is_some) {
            let mut relations = Relations::default();
            for (text, digest) in texts.iter().zip(digests.iter().flatten()) {
                relations.add(text, digest);
            }
            self.outline.relations = Some(relations);
            self.outline.folds = self.migration.kind == Kind::Concurrent && folds(&texts, &digests);
        }
        for (item, digest) in self.outline.items.iter_mut().zip(digests) {
            item.digest = digest;
        }
    }
}

/// Line of byte `offset`, from 1.
fn line_of(migration: &Migration, offset: usize) -> Option<usize> {
    let mut file = Reader::open(migration).ok()?.take(offset as u64);
    let mut chunk = vec![0; 64 * 1024];
    let mut line = 1;
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(line),
            length => line += memchr::memchr_iter(b'\n', &chunk[..length]).count(),
        }
    }
}

/// Whether a statement may make an enum, going by its keywords.
fn may_make_types(class: &Class) -> bool {
    let steady = [
        "ALTER",
        "COMMENT",
        "COPY",
        "DELETE",
        "DROP",
        "GRANT",
        "INSERT",
        "MERGE",
        "REVOKE",
        "SET",
        "TRUNCATE",
        "UPDATE",
        "CREATE INDEX",
        "CREATE UNIQUE",
        "CREATE VIEW",
        "CREATE POLICY",
        "CREATE TRIGGER",
        "CREATE FUNCTION",
        "CREATE SEQUENCE",
        "CREATE TABLE",
    ];
    !steady.iter().any(|known| {
        let rest = class.keywords.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// Whether all statements can run in one transaction with others.
fn folds(texts: &[&str], digests: &[Option<Digest>]) -> bool {
    let adds_value = |digest: &Option<Digest>| {
        let kind = digest.as_ref().map(|digest| &digest.kind);
        matches!(kind, Some(StatementKind::AlterTypeAddValue { .. }))
    };
    // What comes behind it may use it, which only outside is possible.
    let adds_midway = digests
        .split_last()
        .is_some_and(|(_, before)| before.iter().any(adds_value));
    !adds_midway
        && texts.iter().zip(digests).all(|(text, digest)| {
            digest
                .as_ref()
                .is_some_and(|digest| fold(text, digest).is_some())
        })
}

/// Whether names may mean something else after a statement.
fn moves(text: &str, digest: &Digest) -> bool {
    match &digest.kind {
        StatementKind::Set { setting, .. } => setting.as_ref().is_none_or(|setting| {
            ["search_path", "role", "session_authorization"].contains(&setting.as_str())
        }),
        StatementKind::Vacuum { .. } | StatementKind::RefreshMaterializedView { .. } => false,
        // `SET SCHEMA 'a'` too is a `SET`; what a function does is not known.
        _ => Class::of(text).may_change_session,
    }
}

impl Relations {
    fn add(&mut self, text: &str, digest: &Digest) {
        self.creates.extend(digest.creates.iter().cloned());
        self.adopts
            .extend(digest.adopts.iter().map(|relation| relation.name.clone()));
        self.moves |= moves(text, digest);
        self.touches
            .extend(digest.touches.iter().map(|relation| relation.name.clone()));
        self.columns.add(&digest.columns);
        self.makes
            .extend(digest.makes.iter().map(|relation| relation.name.clone()));
    }
}
