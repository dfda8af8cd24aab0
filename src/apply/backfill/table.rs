//! The table of a backfill: whether its rows can be counted off by that key, and
//! the blocks of one that goes by `ctid`.

use super::text::Text;
use crate::apply::standalone::StandaloneError;
use crate::backfill::{Backfill, Key};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::Migration;
use crate::postgres::backfill::{self, Facts, KeyValues, RelationKind};
use crate::postgres::{Error, Session};

/// Looks the table up, and refuses what would do rows twice, not at all, or at
/// the cost of reading all of it for each batch.
pub(super) async fn look(
    session: &Session,
    migration: &Migration,
    backfill: &Backfill,
    text: &Text,
) -> Result<Facts, StandaloneError> {
    let refused = match looked_up(session, backfill).await? {
        Ok(facts) => return Ok(facts),
        Err(refused) => refused,
    };
    let refused = match &migration.backfill {
        Some(directive) => refused.source(&migration.source).label(directive.span, ""),
        None => text.diagnostic(migration, refused),
    };
    Err(StandaloneError::Failed(Box::new(refused)))
}

/// What the catalogs say of the table, or why it is refused.
async fn looked_up(
    session: &Session,
    backfill: &Backfill,
) -> Result<Result<Facts, Diagnostic>, Error> {
    let facts = backfill::facts(session, &backfill.table, &backfill.key).await?;
    Ok(match facts {
        Some(facts) => match refusal(&facts, &backfill.key) {
            None => Ok(facts),
            Some(refused) => Err(refused),
        },
        None => Err(Diagnostic::error(
            code::BACKFILL_KEY,
            format!("there is no table `{}`", backfill.table),
        )
        .help("name it with its namespace, `app.person` for example, if that is not in the `search_path`")),
    })
}

/// Why the table cannot be gone through in batches, if it cannot; still without
/// a place.
pub(in crate::apply) async fn refused(
    session: &Session,
    backfill: &Backfill,
) -> Result<Option<Diagnostic>, Error> {
    Ok(looked_up(session, backfill).await?.err())
}

/// Why the rows cannot be counted off.
fn refusal(facts: &Facts, key: &Key) -> Option<Diagnostic> {
    let relation = &facts.relation;
    let refuse = |why: String| Diagnostic::error(code::BACKFILL_KEY, why);
    if let RelationKind::Other(what) = facts.kind {
        return Some(
            refuse(format!(
                "`{relation}` is {what}, which has no rows of its own"
            ))
            .help("name the table whose rows are to be counted off"),
        );
    }
    if let Some(role) = &facts.hidden_from {
        return Some(
            Diagnostic::error(
                code::BACKFILL_ROW_SECURITY,
                format!("row security lets role `{role}` see only some rows of `{relation}`, and the others would be left out"),
            )
            .help(format!("run it as a role with BYPASSRLS, or as the table's owner after `ALTER TABLE {relation} NO FORCE ROW LEVEL SECURITY`")),
        );
    }
    if *key == Key::Ctid {
        if facts.kind == RelationKind::Partitioned || facts.has_children {
            return Some(
                refuse(format!(
                    "`{relation}` has its rows in several tables, where the same `ctid` comes again"
                ))
                .help("name columns of a key that is unique in all of them, or write a backfill for each of the tables"),
            );
        }
        return None;
    }
    for column in &facts.columns {
        let name = &column.name;
        if column.type_name.is_none() {
            return Some(
                refuse(format!("`{relation}` has no column `{name}`"))
                    .help("name columns of its primary key, or `ctid` if it has none"),
            );
        }
        if !column.is_required {
            return Some(
                refuse(format!(
                    "`{name}` of `{relation}` may be NULL, and a row without a key would be left out"
                ))
                .help(format!(
                    "make it NOT NULL first, or count the rows off by another key or by `ctid`: `backfill: {relation} by ctid`"
                )),
            );
        }
    }
    for column in &facts.columns {
        if let Some(heir) = &column.nullable_in {
            let name = &column.name;
            return Some(
                refuse(format!(
                    "`{name}` of `{heir}`, which inherits from `{relation}`, may be NULL, and a row without a key would be left out"
                ))
                .help(format!("`ALTER TABLE {heir} ALTER COLUMN {name} SET NOT NULL` in a migration before this one, or write a backfill for each of the tables")),
            );
        }
    }
    if !facts.has_index {
        let columns: Vec<&str> = facts.columns.iter().map(|one| one.name.as_str()).collect();
        let columns = columns.join(", ");
        return Some(
            refuse(format!(
                "no index of `{relation}` has its rows in the order of `{columns}`, and each batch would read all of it"
            ))
            .help(format!(
                "`CREATE INDEX CONCURRENTLY ON {relation} ({columns})` in a migration before this one, or count the rows off by `ctid`: `backfill: {relation} by ctid`"
            )),
        );
    }
    None
}

/// Largest offset within a block.
const OFFSET_MAX: u16 = u16::MAX;
/// Rows per block before anything is known.
const DENSITY: f64 = 50.0;
/// Before the first place.
const START: &str = "(0,0)";
/// Rows per block of a table that is nearly empty.
const DENSITY_MIN: f64 = 0.01;
/// Blocks that are looked through for the next rows at most: 128 MB of a table
/// that was emptied.
const BLOCKS_MAX: u64 = 16_384;

/// Blocks of a table that is done by `ctid`; nothing of another one.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// The last place, and the file that holds the rows.
    ends_at: Option<Vec<String>>,
    /// How many blocks there were at the beginning.
    blocks: u64,
    /// Rows per block, by those that were looked at.
    density: f64,
    /// Up to which place no row is left behind the cursor.
    seen: Option<KeyValues>,
}

impl Table {
    /// Its size by now, if it goes by place.
    pub(super) async fn look(session: &Session, facts: &Facts, key: &Key) -> Result<Self, Error> {
        if *key != Key::Ctid {
            return Ok(Self::default());
        }
        let (file, blocks) = backfill::storage(session, facts).await?;
        Ok(Self {
            ends_at: Some(vec![end_of(blocks), file]),
            blocks,
            density: DENSITY,
            seen: None,
        })
    }

    pub(super) fn ends_at(&self) -> Option<&[String]> {
        self.ends_at.as_deref()
    }

    /// Whether an earlier run that ends there was about the same rows in the
    /// same places; takes its end over.
    pub(super) fn goes_on(&mut self, known: Option<&[String]>) -> bool {
        match (&mut self.ends_at, known) {
            (None, None) => true,
            (Some(now), Some([end, file])) if now[1] == *file => {
                now[0].clone_from(end);
                self.blocks = block_of(end).map_or(0, |block| block + 1);
                true
            }
            _ => false,
        }
    }

    /// Between which places the next `rows` are looked for; `None` of a table
    /// that does not go by place.
    pub(super) fn window(
        &self,
        cursor: Option<&KeyValues>,
        rows: u64,
    ) -> Option<(KeyValues, KeyValues)> {
        let end = self.ends_at.as_ref()?;
        let start = vec![START.to_owned()];
        let after = self.seen.as_ref().or(cursor).unwrap_or(&start);
        let next = next_block(&after[0]);
        let last = next.saturating_add(self.blocks_for(rows) - 1);
        let until = if last.saturating_add(1) >= self.blocks {
            end[0].clone()
        } else {
            end_of(last + 1)
        };
        Some((after.clone(), vec![until]))
    }

    /// The cursor has moved: it is as far as anybody has seen.
    pub(super) fn moved(&mut self) {
        self.seen = None;
    }

    /// Whether that is the last place.
    pub(super) fn ends(&self, place: &KeyValues) -> bool {
        self.ends_at.as_ref().is_some_and(|end| end[0] == place[0])
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, bounded afterwards"
    )]
    fn blocks_for(&self, rows: u64) -> u64 {
        ((rows as f64 / self.density) as u64 + 1).min(BLOCKS_MAX)
    }

    /// So many rows were found between these places.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn found(&mut self, rows: u64, after: &KeyValues, until: &KeyValues) {
        let blocks = block_of(&until[0])
            .zip(block_of(&after[0]))
            .map_or(1, |(until, after)| until.saturating_sub(after).max(1));
        let density = rows as f64 / blocks as f64;
        self.density = f64::midpoint(self.density, density).max(DENSITY_MIN);
        if rows == 0 {
            self.seen = Some(until.clone());
        }
    }

    /// Whether the rows are still in that file.
    pub(super) fn is_in(&self, file: &str) -> bool {
        self.ends_at.as_ref().is_none_or(|end| end[1] == file)
    }
}

/// The last place of a table with so many blocks.
fn end_of(blocks: u64) -> String {
    match blocks.checked_sub(1) {
        Some(last) => format!("({last},{OFFSET_MAX})"),
        None => START.to_owned(),
    }
}

fn block_of(place: &str) -> Option<u64> {
    place.strip_prefix('(')?.split(',').next()?.parse().ok()
}

/// The first block that has places behind this one.
fn next_block(place: &str) -> u64 {
    let block = block_of(place).unwrap_or_default();
    let is_its_end = end_of(block + 1) == place;
    if is_its_end { block + 1 } else { block }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(blocks: u64) -> Table {
        Table {
            ends_at: Some(vec![end_of(blocks), "7".to_owned()]),
            blocks,
            density: 10.0,
            seen: None,
        }
    }

    fn window(table: &Table, cursor: Option<&str>, rows: u64) -> (String, String) {
        let cursor = cursor.map(|one| vec![one.to_owned()]);
        let (after, until) = table.window(cursor.as_ref(), rows).expect("by place");
        (after[0].clone(), until[0].clone())
    }

    #[test]
    fn windows_end_with_blocks_and_with_the_table() {
        let table = of(10);
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(window(&table, None, 15), pair("(0,0)", "(1,65535)"));
        assert_eq!(
            window(&table, Some("(1,65535)"), 5),
            pair("(1,65535)", "(2,65535)")
        );
        assert_eq!(window(&table, Some("(1,7)"), 5), pair("(1,7)", "(1,65535)"));
        assert_eq!(
            window(&table, Some("(1,7)"), 500),
            pair("(1,7)", "(9,65535)")
        );
        assert!(table.ends(&vec!["(9,65535)".to_owned()]));
        assert_eq!(window(&of(0), None, 5), pair("(0,0)", "(0,0)"));
        assert_eq!(Table::default().window(None, 5), None);
    }

    #[test]
    fn behind_an_empty_stretch_it_goes_on_from_the_cursor() {
        let mut table = of(100);
        let (after, until) = table.window(None, 15).expect("by place");
        table.found(0, &after, &until);
        assert_eq!(window(&table, None, 5).0, "(1,65535)");
        table.moved();
        assert_eq!(window(&table, Some("(7,3)"), 5).0, "(7,3)");
    }

    #[test]
    fn empty_stretches_are_passed_in_growing_steps() {
        let mut table = of(1_000_000);
        let mut looks = 0;
        loop {
            let (after, until) = table.window(None, 100).expect("by place");
            looks += 1;
            if table.ends(&until) {
                break;
            }
            table.found(0, &after, &until);
        }
        assert!(looks < 200, "{looks} looks");
    }
}
