//! What holds for every header, however it is cut into chunks. The fuzz target
//! includes this file as well.

use std::sync::Arc;

use segue::diagnostic::Diagnostic;
use segue::directive::{HeaderEnd, HeaderScanner, header_len, late_directives, parse};
use segue::text::Source;

/// Panics if a law does not hold for a file that begins so, read in chunks of
/// these sizes, over and over again.
pub fn check(file: &str, sizes: &[u8]) {
    let length = scan(file.as_bytes(), &[]);
    assert_eq!(
        length,
        scan(file.as_bytes(), sizes),
        "chunks change the header"
    );
    assert!(length <= file.len());
    let Some(header) = file.get(..length) else {
        panic!("the header ends within a character");
    };
    let whole = match header_len(file) {
        HeaderEnd::Complete(complete) => complete,
        HeaderEnd::NeedMore => file.len(),
    };
    assert_eq!(whole, length);
    assert_eq!(
        scan(header.as_bytes(), &[]),
        length,
        "the header of a header is another one"
    );

    let source = Arc::new(Source::new("fuzzed.sql", header));
    let (directives, diagnostics) = parse(&source);
    let again = parse(&source);
    assert_eq!(directives, again.0, "parsed twice, it says two things");
    assert_eq!(diagnostics, again.1);
    for diagnostic in &diagnostics {
        check_places(diagnostic, header.len());
    }
    // Line ends do not count.
    if !header.contains('\r') {
        let source = Arc::new(Source::new("fuzzed.sql", header.replace('\n', "\r\n")));
        let (_, with_returns) = parse(&source);
        let codes = |diagnostics: &[Diagnostic]| -> Vec<String> {
            let codes = diagnostics.iter().map(|one| one.code.to_string());
            codes.collect()
        };
        assert_eq!(
            codes(&diagnostics),
            codes(&with_returns),
            "line ends change what is wrong"
        );
    }
    let rest = &file[length..];
    for diagnostic in late_directives(rest, length, || {
        Arc::new(Source::window("fuzzed.sql", rest, length, 1))
    }) {
        check_places(&diagnostic, file.len());
    }
}

fn scan(bytes: &[u8], sizes: &[u8]) -> usize {
    let mut scanner = HeaderScanner::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().map(|&size| usize::from(size) + 1).cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).min(rest.len());
        let (chunk, after) = rest.split_at(size);
        if let Some(length) = scanner.push(chunk) {
            return length;
        }
        rest = after;
    }
    scanner.finish()
}

fn check_places(diagnostic: &Diagnostic, length: usize) {
    for label in &diagnostic.labels {
        let span = label.span;
        assert!(
            span.start <= span.end && span.end <= length,
            "{diagnostic:?} is out of the text"
        );
    }
}
