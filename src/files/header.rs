//! One file to a [`Migration`] without its statements: directives and
//! checksum, in constant memory but for the header.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::outline::{self, Depth};
use super::{Error, Reader, unreadable, way_down};
use crate::diagnostic::{Diagnostic, code};
use crate::directive::{self, Directives, HeaderScanner, TransactionMode};
use crate::migration::{Checksum, Connection, Kind, Migration, Name, Named};
use crate::text::{Source, Span, Spanned, Variables};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// From this size on a file is outlined while its checksum is taken.
const LARGE_BYTES: u64 = 8 << 20;

/// Reads a migration's header and checksum. No migration if its header is not
/// UTF-8.
///
/// `environment` has the variables that a file may take; `embedded` is its
/// text, if it is a part of the program.
pub(super) fn read(
    name: &Name,
    path: &Path,
    embedded: Option<&'static [u8]>,
    environment: &Variables,
) -> Result<Result<Migration, Box<Diagnostic>>, Error> {
    let mut file = Reader::new(path, embedded).map_err(|error| unreadable(path, error))?;
    let mut head = Vec::new();
    let mut scanner = HeaderScanner::new();
    let mut chunk = vec![0; CHUNK];
    // Until the header's end is known, what is read is kept.
    let header_bytes = loop {
        let length = fill(&mut file, &mut chunk).map_err(|error| unreadable(path, error))?;
        head.extend_from_slice(&chunk[..length]);
        if length == 0 {
            break scanner.finish();
        }
        if let Some(length) = scanner.push(&chunk[..length]) {
            break length;
        }
    };
    let rest = head.split_off(header_bytes);
    let bytes = file.size();
    let shown = path.display().to_string();
    let text = match String::from_utf8(head) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let diagnostic = Diagnostic::new(code::INVALID_UTF8, "the file is not UTF-8")
                .source(&Arc::new(Source::new(shown, text)))
                .label(Span::new(at, at + 1), "not UTF-8 from here");
            return Ok(Err(Box::new(diagnostic)));
        }
    };
    let source = Arc::new(Source::new(shown, text));
    let (directives, variables, problems) = directive::parse_filled(&source, environment);

    let diff = directives.schema_diff.as_ref().map(|diff| diff.span);
    let mut migration = migration(name, path, source, directives);
    migration.embedded = embedded;
    migration.variables = variables;
    migration.problems = problems;
    migration.problems.extend(way_down::problem(&migration)?);
    let mut checksum = || {
        let mut checksum = Normal::default();
        let header = migration.source.text().as_bytes();
        match diff {
            Some(diff) => {
                checksum.update(&header[..diff.start]);
                checksum.update(&header[diff.end..]);
            }
            None => checksum.update(header),
        }
        checksum.update(&rest);
        loop {
            let length = fill(&mut file, &mut chunk)?;
            if length == 0 {
                return Ok(checksum.finish());
            }
            checksum.update(&chunk[..length]);
        }
    };
    let (checksum, outlined) = if bytes < LARGE_BYTES {
        (checksum(), None)
    } else {
        // A file that takes a while to hash is most likely pending: by the time
        // that is known, another core can have outlined it.
        std::thread::scope(|scope| {
            let outlining = scope.spawn(|| outline::read_one(&migration, Depth::Keywords));
            (checksum(), Some(outlining.join()))
        })
    };
    migration.checksum = checksum.map_err(|error| unreadable(path, error))?;
    match outlined {
        None => {}
        Some(Ok(outlined)) => {
            let (outline, problems) = outlined?;
            migration.outline = Some(outline);
            migration.problems.extend(problems);
        }
        Some(Err(panic)) => std::panic::resume_unwind(panic),
    }
    Ok(Ok(migration))
}

fn migration(name: &Name, path: &Path, source: Arc<Source>, directives: Directives) -> Migration {
    let named = |named: Spanned<String>| Named {
        name: Name::new(&named.value),
        span: named.span,
    };
    let is_autocommit = directives
        .transaction
        .is_some_and(|mode| mode.value == TransactionMode::Autocommit);
    Migration {
        name: name.clone(),
        path: path.to_owned(),
        embedded: None,
        source,
        checksum: Checksum([0; 32]),
        kind: match (&directives.begin_with, is_autocommit) {
            (Some(_), _) => Kind::Concurrent,
            (None, true) => Kind::Standalone,
            (None, false) => Kind::Batch,
        },
        partner: directives.begin_with.map(named),
        ends: directives.end.into_iter().map(named).collect(),
        backfill: directives.backfill,
        rows: None,
        revert: None,
        check: None,
        rerunnable: directives.rerunnable.is_some(),
        schema_version: directives.schema_version.map(|version| version.value),
        waivers: directives.allow,
        connection: directives.connection.map(|one| Connection {
            string: one.value.into(),
            place: None,
            span: one.span,
        }),
        variables: Variables::default(),
        schema_diff: directives.schema_diff.map(|diff| Arc::new(diff.parts)),
        problems: Vec::new(),
        outline: None,
    }
}

/// Reads until `buffer` is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// SHA-256 of a text with its BOM removed and CRLF as LF, cut anywhere.
#[derive(Default)]
struct Normal {
    hash: Sha256,
    /// Bytes of a BOM seen at the very start.
    mark: usize,
    begun: bool,
    carriage_return: bool,
}

const MARK: &[u8] = "\u{feff}".as_bytes();

impl Normal {
    fn update(&mut self, mut bytes: &[u8]) {
        while !self.begun && !bytes.is_empty() {
            if MARK.get(self.mark) == Some(&bytes[0]) {
                self.mark += 1;
                bytes = &bytes[1..];
            } else {
                self.begin();
            }
        }
        while !bytes.is_empty() {
            if std::mem::take(&mut self.carriage_return) && bytes[0] != b'\n' {
                self.hash.update(b"\r");
            }
            let line_end = memchr::memchr(b'\r', bytes);
            self.hash.update(&bytes[..line_end.unwrap_or(bytes.len())]);
            self.carriage_return = line_end.is_some();
            bytes = line_end.map_or(&[], |at| &bytes[at + 1..]);
        }
    }

    fn begin(&mut self) {
        self.begun = true;
        if self.mark < MARK.len() {
            self.hash.update(&MARK[..self.mark]);
        }
    }

    fn finish(mut self) -> Checksum {
        if !self.begun {
            self.begin();
        }
        if self.carriage_return {
            self.hash.update(b"\r");
        }
        Checksum(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, normal: &str) {
        let expected = Checksum(Sha256::digest(normal).into());
        for cut in 0..=text.len() {
            let mut checksum = Normal::default();
            checksum.update(&text.as_bytes()[..cut]);
            checksum.update(&text.as_bytes()[cut..]);
            assert_eq!(checksum.finish(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn marks_and_line_ends_do_not_count() {
        check("\u{feff}a\r\nb\r\n", "a\nb\n");
        check("a\rb\r", "a\rb\r");
        check("\r\r\n", "\r\n");
        check("\u{feff}\u{feff}", "\u{feff}");
        check("", "");
        check("\u{feff}", "");
    }
}
