//! What holds for every file, however it is cut into chunks. The fuzz target
//! includes this file as well.

use std::ops::Range;

use segue::statement::{
    Class, CopyDirection, Fingerprint, Piece, SplitError, Splitter, Statement, split,
};
use segue::text::{Position, Source, Span};

/// All that a splitter has said of a file; adjacent data is joined.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub pieces: Vec<Owned>,
    pub error: Option<SplitError>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Owned {
    Statement(Statement),
    Copy { data: Vec<u8>, end: Span },
}

/// Feeds `chunks` to a splitter.
pub fn outcome<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut pieces = Vec::new();
    let mut open_data: Option<Vec<u8>> = None;
    let mut sink = |piece: Piece<'_>| {
        match piece {
            Piece::Statement(statement) => {
                assert!(open_data.is_none(), "a statement within data");
                if statement.copy == Some(CopyDirection::FromStdin) {
                    open_data = Some(Vec::new());
                }
                pieces.push(Owned::Statement(statement));
            }
            Piece::CopyData(bytes) => {
                assert!(!bytes.is_empty(), "empty data");
                assert!(bytes.len() <= 64 * 1024 + 4, "too much data");
                open_data
                    .as_mut()
                    .expect("data after COPY only")
                    .extend(bytes);
            }
            Piece::CopyEnd { raw } => {
                let data = open_data.take().expect("one end for one COPY");
                pieces.push(Owned::Copy { data, end: raw });
            }
        }
        Ok::<_, SplitError>(())
    };
    let mut splitter = Splitter::new();
    let error = chunks
        .into_iter()
        .try_for_each(|chunk| splitter.push(chunk, &mut sink))
        .and_then(|()| splitter.finish(&mut sink))
        .err();
    assert!(
        error.is_some() || open_data.is_none(),
        "COPY without an end"
    );
    Outcome { pieces, error }
}

/// Panics if a law does not hold for `file`, cut into chunks of these sizes,
/// over and over again.
pub fn check(file: &[u8], sizes: &[u8]) {
    let whole = outcome([file]);
    assert_eq!(whole, outcome(cut(file, sizes)), "chunks change the pieces");
    for piece in &whole.pieces {
        if let Owned::Statement(statement) = piece {
            check_statement(file, statement);
        }
    }
    match &whole.error {
        None => check_tiling(file, &whole.pieces),
        Some(error) => {
            assert!(range(error.span).end <= file.len() && error.span.start < error.span.end);
            check_position(file, error.span.start, error.position);
        }
    }
}

fn cut<'a>(file: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut rest = file;
    let mut sizes = sizes.iter().map(|&size| usize::from(size) + 1).cycle();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

fn range(span: Span) -> Range<usize> {
    span.start..span.end
}

fn check_statement(file: &[u8], statement: &Statement) {
    let Statement {
        text, span, raw, ..
    } = statement;
    assert_eq!(
        text.as_bytes(),
        &file[range(*span)],
        "text is not at its span"
    );
    assert!(
        raw.start <= span.start && span.end <= raw.end,
        "text outside raw"
    );
    assert!(!text.is_empty());
    check_position(file, span.start, statement.position);
    let class = Class::of(text);
    assert!(class.keywords.len() < 80);
    // Read as if the setting were on, it is another text.
    if statement.is_misread(text) {
        return;
    }
    let spaced = format!("\n/* a */ {text} -- b");
    assert_eq!(
        Fingerprint::of(&spaced),
        Fingerprint::of(text),
        "layout counts"
    );
    // A byte order mark is a character like any other but at the start.
    if !text.starts_with('\u{feff}') {
        let again = split(text).expect("a statement is whole");
        assert_eq!(again.len(), 1, "a statement is one statement");
        assert_eq!(again[0].text, *text);
        assert_eq!(again[0].copy, statement.copy);
    }
}

fn check_position(file: &[u8], start: usize, position: Position) {
    // Columns of text that is not UTF-8 mean little.
    if let Ok(before) = std::str::from_utf8(&file[..start]) {
        assert_eq!(Source::new("", before).position(start), position);
    }
}

/// Raws, data and ends cover the file, but for trivia: at its end, and at the
/// end of a COPY's line that holds further statements.
fn check_tiling(file: &[u8], pieces: &[Owned]) {
    let mut tiles: Vec<Range<usize>> = Vec::new();
    for piece in pieces {
        match piece {
            Owned::Statement(statement) => tiles.push(range(statement.raw)),
            Owned::Copy { data, end } => {
                let start = end.start - data.len();
                assert_eq!(&file[start..end.start], data, "data is not at its place");
                tiles.push(start..end.start);
                tiles.push(range(*end));
            }
        }
    }
    tiles.sort_by_key(|tile| (tile.start, tile.end));
    let mut covered = 0;
    for tile in tiles {
        assert!(tile.start >= covered, "overlapping pieces");
        check_trivia(&file[covered..tile.start], false);
        covered = tile.end;
    }
    check_trivia(&file[covered..], covered == 0);
}

fn check_trivia(text: &[u8], at_start: bool) {
    // A mark at the start of a gap would be taken for that of a file.
    assert!(
        at_start || !text.starts_with("\u{feff}".as_bytes()),
        "a lost mark"
    );
    let outcome = outcome([text]);
    assert!(
        outcome.pieces.is_empty() && outcome.error.is_none(),
        "lost: {text:?}"
    );
}
