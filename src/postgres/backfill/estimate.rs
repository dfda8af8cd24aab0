//! How many rows a table has, and which part of them is left, without reading
//! the table.

use super::{Facts, KeyValues, Keyset};
use crate::backfill::pace::{Look, Source};
use crate::postgres::{Error, Session, column, literal};

/// So many blocks are read of a table without statistics: 8 MB.
const SAMPLED: u32 = 1000;

/// What the catalogs say of a table and all that inherits from it.
#[derive(Clone, Copy, Debug)]
struct Catalog {
    blocks: u64,
    /// Scaled to the size of today.
    rows: f64,
    /// Whether `rows` holds for all of it.
    is_counted: bool,
    /// Whether there is a histogram of the key everywhere.
    has_statistics: bool,
    /// Rows changed since, as a part of all.
    stale: f64,
}

/// Looks how much is above `cursor`; `None` if the server does not say it in
/// time. `end`: the last place of a backfill by `ctid`.
///
/// It costs some reads of the catalogs and two plans that are not run, and of
/// a table without statistics a sample of 1,000 blocks. Runs a transaction of
/// its own.
///
/// # Errors
/// As [`Session::execute`], but for the server's: an estimate is not worth one.
pub async fn look(
    session: &Session,
    facts: &Facts,
    keyset: &Keyset,
    cursor: Option<&KeyValues>,
    end: Option<&str>,
) -> Result<Option<Look>, Error> {
    let looked = within(session, facts, keyset, cursor, end).await;
    match looked {
        Ok(look) => {
            session.execute("COMMIT").await?;
            Ok(Some(look))
        }
        Err(error) if error.server().is_some() && !session.is_lost() => {
            tracing::debug!(%error, "no estimate of the rows left");
            session.execute("ROLLBACK").await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn within(
    session: &Session,
    facts: &Facts,
    keyset: &Keyset,
    cursor: Option<&KeyValues>,
    end: Option<&str>,
) -> Result<Look, Error> {
    session
        .execute("BEGIN TRANSACTION READ ONLY;SET LOCAL lock_timeout = '100ms';SET LOCAL statement_timeout = '2s'")
        .await?;
    let catalog = catalog(session, facts).await?;
    if let Some(end) = end {
        let total = if catalog.is_counted {
            catalog.rows
        } else {
            sample(session, keyset, None, catalog.blocks).await?.total
        };
        let above = cursor.map_or(1.0, |cursor| places_above(&cursor[0], end));
        return Ok(Look {
            total,
            above,
            stale: catalog.stale,
            source: Source::Place,
        });
    }
    if !catalog.is_counted || !catalog.has_statistics {
        return sample(session, keyset, cursor, catalog.blocks).await;
    }
    let above = match cursor {
        Some(cursor) => {
            let rest = planned(session, &keyset.above_sql(cursor)).await?;
            let all = planned(session, &keyset.all_sql()).await?;
            (rest / all.max(1.0)).min(1.0)
        }
        None => 1.0,
    };
    Ok(Look {
        total: catalog.rows,
        above,
        stale: catalog.stale,
        source: Source::Statistics {
            columns: facts.columns.len(),
        },
    })
}

async fn catalog(session: &Session, facts: &Facts) -> Result<Catalog, Error> {
    let first = facts.columns.first();
    let name = first.map_or("ctid", |column| column.name.as_str());
    let sql = include_str!("estimate.sql")
        .replace(":oid", &facts.oid.to_string())
        .replace(":column", &literal(name));
    let rows = session.query(&sql).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::protocol("no size of the table"))?;
    let is_true = |index: usize| row[index].as_deref() == Some("t");
    Ok(Catalog {
        blocks: column(row, 0)?,
        rows: column(row, 1)?,
        is_counted: is_true(2),
        has_statistics: is_true(3),
        stale: column(row, 4)?,
    })
}

/// Rows that the planner expects of a query.
async fn planned(session: &Session, query: &str) -> Result<f64, Error> {
    let rows = session
        .query(&format!("EXPLAIN (FORMAT JSON) {query}"))
        .await?;
    let malformed = || Error::protocol("a plan is malformed");
    let text = rows.first().and_then(|row| row[0].as_deref());
    let plan: serde_json::Value =
        serde_json::from_str(text.ok_or_else(malformed)?).map_err(|_| malformed())?;
    plan[0]["Plan"]["Plan Rows"].as_f64().ok_or_else(malformed)
}

async fn sample(
    session: &Session,
    keyset: &Keyset,
    cursor: Option<&KeyValues>,
    blocks: u64,
) -> Result<Look, Error> {
    let sampled = blocks.min(u64::from(SAMPLED));
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let part = if blocks == 0 {
        1.0
    } else {
        sampled as f64 / blocks as f64
    };
    let sql = keyset.sample_sql(cursor, part * 100.0);
    let rows = session.query(&sql).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::protocol("no sample of the table"))?;
    let (all, above): (f64, f64) = (column(row, 0)?, column(row, 1)?);
    Ok(Look {
        total: all / part,
        above: if all > 0.0 { above / all } else { 1.0 },
        stale: 0.0,
        source: Source::Sample {
            blocks: sampled,
            of: blocks,
        },
    })
}

/// Part of the blocks up to `end` that come after `cursor`.
fn places_above(cursor: &str, end: &str) -> f64 {
    let block = |place: &str| -> Option<f64> {
        let (block, _) = place.strip_prefix('(')?.split_once(',')?;
        let block: u32 = block.parse().ok()?;
        Some(f64::from(block))
    };
    let (Some(cursor), Some(end)) = (block(cursor), block(end)) else {
        return 1.0;
    };
    ((end - cursor) / (end + 1.0)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_blocks() {
        let above = |cursor, end| (places_above(cursor, end) * 100.0).round();
        assert_eq!(above("(24,65535)", "(99,65535)").to_string(), "75");
        assert_eq!(above("(99,65535)", "(99,65535)").to_string(), "0");
        assert_eq!(above("(0,1)", "(0,65535)").to_string(), "0");
    }
}
