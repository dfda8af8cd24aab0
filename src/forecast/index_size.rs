//! How large an index will be.

use super::{Bytes, Table};

/// What decides about an index's size.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexShape {
    /// Its access method, `btree` for example.
    pub method: String,
    /// `UNIQUE`, primary keys too.
    pub unique: bool,
    /// Whether it is of some rows only.
    pub partial: bool,
    /// Its columns, included ones too.
    pub columns: Vec<IndexColumn>,
}

/// A column of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexColumn {
    /// Name of the table's column; `None` for an expression.
    pub name: Option<String>,
    /// Bytes of a value where all have the same length.
    pub length: Option<u32>,
}

/// Header and line pointer of an index tuple (manual, "Database Page Layout":
/// `IndexTupleData` and `ItemIdData`).
const TUPLE_BYTES: u64 = 8 + 4;

/// A row's place in the list of a value that many rows have.
const PLACE_BYTES: u64 = 6;

/// Pages are filled to nine tenths, and so many more are inner pages.
const FILL: (u64, u64) = (101, 90);

/// A value of which nothing is known.
const VALUE_BYTES: (u64, u64) = (1, 64);

impl IndexShape {
    /// Bytes of the index on this table, from its rows and the average widths
    /// of columns; `None` for what no formula is known for, and where nobody
    /// has counted the rows.
    #[must_use]
    pub fn bytes(&self, table: &Table) -> Option<Bytes> {
        let rows = table.rows?;
        let filled = |bytes: u64| (bytes * FILL.0 / FILL.1).max(8192);
        let (low, high) = match self.method.as_str() {
            "btree" => {
                let (low, high) = self.value_bytes(table);
                let each = |value: u64| rows * (TUPLE_BYTES + value.next_multiple_of(8));
                // Equal values are stored once, with a list of places.
                let shared = match self.distinct(table, rows) {
                    Some(distinct) => {
                        distinct * (TUPLE_BYTES + low.next_multiple_of(8)) + rows * PLACE_BYTES
                    }
                    None => rows * PLACE_BYTES,
                };
                let low = if self.unique {
                    each(low)
                } else {
                    each(low).min(shared)
                };
                (filled(low), filled(each(high)))
            }
            // Four bytes of hash each, and buckets that are half to well filled.
            "hash" => (filled(rows * 20), filled(rows * 40)),
            // A summary for each 128 pages.
            "brin" => (3 * 8192, 3 * 8192 + table.heap_bytes / 128 / 8192 * 64),
            _ => return None,
        };
        let low = if self.partial { 8192 } else { low };
        Some(Bytes { low, high })
    }

    /// Bytes of the values of one row, least and most.
    fn value_bytes(&self, table: &Table) -> (u64, u64) {
        let columns = self.columns.iter().map(|column| {
            let known = column
                .name
                .as_ref()
                .and_then(|name| table.columns.get(name));
            match (known, column.length) {
                (Some(known), _) => (u64::from(known.width), u64::from(known.width)),
                (None, Some(length)) => (u64::from(length), u64::from(length)),
                (None, None) => VALUE_BYTES,
            }
        });
        columns.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Different values, of an index of one column.
    fn distinct(&self, table: &Table, rows: u64) -> Option<u64> {
        let [column] = self.columns.as_slice() else {
            return None;
        };
        let known = table.columns.get(column.name.as_ref()?)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        let distinct = if known.distinct < 0.0 {
            (-known.distinct * rows as f64) as u64
        } else {
            known.distinct as u64
        };
        Some(distinct.min(rows))
    }
}
