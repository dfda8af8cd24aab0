//! Files of other tools that hold a way down, which must never run by mistake.

use std::io::Read as _;

use super::{Error, Reader, excerpt, unreadable};
use crate::adopt::{Marks, down_section};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::Migration;
use crate::text::Span;

/// What is wrong with a migration that comes down again: by its name, or by
/// marks in its comments. Only a file that has such marks at its top is read.
pub(super) fn problem(migration: &Migration) -> Result<Option<Diagnostic>, Error> {
    let name = migration.name.as_str();
    if name.ends_with(".down.sql") {
        return Ok(Some(
            Diagnostic::new(
                code::WAY_DOWN,
                format!("`{name}` is a way down by its name"),
            )
            .source(&migration.source)
            .label(Span::new(0, 0), "would be applied as a migration")
            .help("move it out of the folder, or rename it if it is a migration"),
        ));
    }
    let Some(marks) = Marks::of_header(migration.source.text()) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    Reader::open(migration)?
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&migration.path, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let Some(span) = down_section(marks, &text) else {
        return Ok(None);
    };
    let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..span.start]).count();
    let tool = marks.tool();
    Ok(Some(
        Diagnostic::new(
            code::WAY_DOWN,
            format!("the file holds a way down, as {tool} writes it"),
        )
        .source(&excerpt(migration, span, line))
        .label(span, "what follows would be applied too")
        .help(format!(
            "remove it, or let `segue adopt {tool} --convert DIR` write files without it"
        )),
    ))
}
