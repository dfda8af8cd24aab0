//! A snapshot's rows → the text of its file.

use std::fmt::Write as _;

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The table, as SQL has it.
    pub table: String,
    /// Its columns, as SQL has them; at least one.
    pub columns: Vec<String>,
    /// The rows, as `COPY` writes them: each a line.
    pub data: String,
}

impl Rows {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        // A value never holds a line's end: COPY writes `\n` for it.
        self.data.lines().count()
    }
}

/// A snapshot of data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The version or migration whose rows these are.
    pub state: String,
    /// The last migration of such a database.
    pub migration: String,
    /// Tables that are emptied first, as SQL has them: migrations may have put
    /// rows into them.
    pub emptied: Vec<String>,
    /// Whether those are emptied too that refer to them.
    pub empties_others: bool,
    /// In the order in which they are put in.
    pub rows: Vec<Rows>,
    /// Statements that set the sequences, by name.
    pub sequences: Vec<String>,
}

impl Sample {
    /// The file: the same for the same rows, byte for byte.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "-- snapshot: {}\n-- migration: {}\n--\n\
             -- A few rows of a database whose last migration is this one, written by `segue snapshot`.\n\
             -- `segue check` puts them into such a database and upgrades it to the newest version. Edit\n\
             -- them as you like: the next `segue snapshot` writes the file anew.\n",
            self.state, self.migration
        );
        if !self.emptied.is_empty() {
            text.push_str("\nTRUNCATE\n    ");
            text.push_str(&self.emptied.join(",\n    "));
            if self.empties_others {
                text.push_str("\n    CASCADE");
            }
            text.push_str(";\n");
        }
        for rows in self.rows.iter().filter(|rows| !rows.data.is_empty()) {
            // Writing into a string cannot fail.
            let _ = write!(
                text,
                "\nCOPY {} ({}) FROM stdin;\n{}\\.\n",
                rows.table,
                rows.columns.join(", "),
                rows.data
            );
        }
        if !self.sequences.is_empty() {
            text.push('\n');
        }
        for sequence in &self.sequences {
            text.push_str(sequence);
            text.push_str(";\n");
        }
        text
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.iter().map(Rows::count).sum()
    }

    /// How many tables have rows.
    #[must_use]
    pub fn tables(&self) -> usize {
        let rows = self.rows.iter();
        rows.filter(|rows| !rows.data.is_empty()).count()
    }
}
