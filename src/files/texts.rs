//! A migration's statements as `segue lint` takes them: all at once.

use super::{Error, statements};
use crate::lint::Text;
use crate::migration::Migration;
use crate::statement::OwnedPiece;

/// The statements of a migration, with values of environment variables filled
/// in, without the data of COPY. Those before a place that cannot be read or
/// cut, if there is one: [`outline`](fn@super::outline) tells of it.
///
/// # Errors
/// If the file cannot be opened.
pub fn texts(migration: &Migration) -> Result<Vec<Text>, Error> {
    let mut texts = Vec::new();
    for piece in statements(migration)? {
        match piece {
            Ok(OwnedPiece::Statement(statement)) => {
                let filled = migration.variables.fill(&statement.text);
                texts.push(Text::new(statement, filled));
            }
            Ok(OwnedPiece::CopyData(_) | OwnedPiece::CopyEnd { .. }) => {}
            Err(_) => break,
        }
    }
    Ok(texts)
}
