//! Rows for a table that has none, so that a backfill is tried on something.
//!
//! [`Maker`] proposes one row after the other, and is told what became of each:
//! first an *ordinary* row that the table takes, then ordinary rows with one
//! cell that is special each (NULL, 0, the largest number, an empty text …), so
//! that whoever fails on one says which. Reading the catalogs and inserting is
//! left to [`crate::postgres::tables`].

use std::collections::VecDeque;

mod condition;
mod value;

pub use condition::Limits;

/// What values a column takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Whole numbers, both bounds included.
    Integer {
        /// The least one.
        least: i64,
        /// The largest one.
        most: i64,
    },
    /// `numeric`, with precision and scale in digits where they are stated.
    Numeric(Option<(u32, u32)>),
    /// Binary fractions, and `money`.
    Float,
    /// Text, with its most characters.
    Text(Option<usize>),
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `time`, with or without a zone.
    Time,
    /// `timestamp`, with or without a zone.
    Timestamp,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `bytea`
    Bytes,
    /// `json` and `jsonb`
    Json,
    /// `inet` and `cidr`
    Network,
    /// `bit` and `bit varying`, with their most bits; exactly so many, or less.
    Bits(usize, bool),
    /// An array of such.
    Array(Box<Shape>),
    /// One of these; never empty.
    Choice(Vec<String>),
    /// A range of such.
    Range(Box<Shape>),
    /// A composite of such.
    Composite(Vec<Shape>),
    /// Something else: left out, or NULL.
    Unknown,
}

/// Where a column's value comes from if nobody gives one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// From nowhere: it is NULL then.
    None,
    /// From an expression.
    Expression,
    /// From the server in any case: it cannot be given.
    Always,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as the catalog has it.
    pub name: String,
    /// What values it takes.
    pub shape: Shape,
    /// Whether it refuses NULL.
    pub is_not_null: bool,
    /// What fills it otherwise.
    pub default: Default,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Columns of this table, by their place in its list.
    pub columns: Vec<usize>,
    /// OID of the table that is referred to.
    pub table: u32,
    /// Its columns, as many, by their names.
    pub to: Vec<String>,
}

/// A check constraint of a table, of a domain of a column, or what a partition
/// takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// The columns that it is about, by their place in the list.
    pub columns: Vec<usize>,
    /// In the server's words; a domain's says `VALUE` for its only column.
    pub text: String,
}

/// A table that needs rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// OID.
    pub oid: u32,
    /// Its name, for people, where need be with its namespace.
    pub name: String,
    /// In their order.
    pub columns: Vec<Column>,
    /// Columns that are unique together, by their places.
    pub uniques: Vec<Vec<usize>>,
    /// Its foreign keys.
    pub foreign: Vec<Foreign>,
    /// Its check constraints.
    pub checks: Vec<Check>,
    /// What each of its partitions takes.
    pub partitions: Vec<Check>,
}

/// What a row has in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing is given.
    Omitted,
    /// NULL.
    Null,
    /// The text of a value.
    Text(String),
}

/// Why the server did not take a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A check constraint, by name if the server says it, or no partition.
    Condition(Option<String>),
    /// It has such a row.
    Duplicate,
    /// Something else: a trigger for example.
    Other,
}

/// How many rows are wanted, if the table takes them.
pub const WANTED: usize = 64;

/// How many special cells are tried.
const SPECIALS_MAX: usize = 160;

/// How many rows are proposed before one is taken.
const TRIES_MAX: usize = 400;

/// How many ordinary rows may be refused one after the other.
const REFUSED_MAX: usize = 40;

/// Rows of one value that share the beginning of a key.
const SHARING: usize = 5;

/// Another way to fill a column in every row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Variant {
    /// By its shape.
    Ordinary,
    /// NULL.
    Null,
    /// This, with the number of the row in place of `%n`.
    Pattern(String),
}

/// Proposes rows for one table.
#[derive(Debug)]
pub struct Maker<'a> {
    table: &'a Table,
    /// For each foreign key the keys that can be referred to.
    pools: Vec<Vec<Vec<String>>>,
    /// What the check constraints say of each column.
    limits: Vec<Limits>,
    /// The same with what each partition takes.
    parted: Vec<Vec<Limits>>,
    variants: Vec<Vec<Variant>>,
    /// Which variant each column has.
    basis: Vec<usize>,
    specials: VecDeque<(usize, Cell)>,
    /// The special that the row at hand has.
    at_hand: bool,
    wanted: usize,
    /// Number of the next row, from 0.
    number: usize,
    /// How many were taken.
    made: usize,
    tries: usize,
    refused: usize,
    is_over: bool,
}

impl<'a> Maker<'a> {
    /// For `wanted` ordinary rows, and `with_specials` the special ones.
    /// `pools` has a list per foreign key of the table.
    #[must_use]
    pub fn new(
        table: &'a Table,
        pools: Vec<Vec<Vec<String>>>,
        wanted: usize,
        with_specials: bool,
    ) -> Self {
        let limits = |more: Option<&Check>| -> Vec<Limits> {
            let checks: Vec<&Check> = table.checks.iter().chain(more).collect();
            let columns = table.columns.iter().enumerate();
            columns
                .map(|(index, column)| {
                    let own = checks.iter().filter(|check| check.columns.contains(&index));
                    let texts = own.map(|check| check.text.as_str());
                    Limits::read(texts, &column.name)
                })
                .collect()
        };
        let own = limits(None);
        let parted = table.partitions.iter().map(|one| limits(Some(one)));
        let parted: Vec<_> = parted.collect();
        let variants = table.columns.iter().zip(&own);
        let variants = variants.map(|(column, limits)| variants_of(column, limits));
        let mut maker = Self {
            basis: vec![0; table.columns.len()],
            variants: variants.collect(),
            pools,
            limits: own,
            parted,
            specials: VecDeque::new(),
            at_hand: false,
            wanted,
            number: 0,
            made: 0,
            tries: 0,
            refused: 0,
            is_over: false,
            table,
        };
        if with_specials {
            maker.specials = maker.all_specials();
        }
        maker
    }

    /// A column's own special values take turns, so that a limit leaves out
    /// the last of each.
    fn all_specials(&self) -> VecDeque<(usize, Cell)> {
        let mut lists: Vec<VecDeque<Cell>> = Vec::new();
        for (index, column) in self.table.columns.iter().enumerate() {
            let mut list = VecDeque::new();
            if column.default != Default::Always {
                if !column.is_not_null {
                    list.push_back(Cell::Null);
                }
                let refers = self.table.foreign.iter();
                if !refers.clone().any(|one| one.columns.contains(&index)) {
                    let values = value::specials(&column.shape, &self.limits[index]);
                    list.extend(values.into_iter().map(Cell::Text));
                }
            }
            lists.push(list);
        }
        let mut specials = VecDeque::new();
        while lists.iter().any(|list| !list.is_empty()) {
            for (index, list) in lists.iter_mut().enumerate() {
                specials.extend(list.pop_front().map(|cell| (index, cell)));
            }
        }
        specials.truncate(SPECIALS_MAX);
        specials
    }

    /// How many rows were taken.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made
    }

    /// The next row to be tried, a cell per column; `None`: no more, or the
    /// table takes none.
    pub fn propose(&mut self) -> Option<Vec<Cell>> {
        let is_enough = self.made >= self.wanted;
        if self.is_over || (is_enough && self.specials.is_empty()) {
            return None;
        }
        let mut cells = self.ordinary()?;
        self.at_hand = false;
        // Nothing special before an ordinary row is known to be taken.
        if self.made > 0
            && let Some((column, cell)) = self.specials.front()
        {
            cells[*column] = cell.clone();
            self.at_hand = true;
        }
        Some(cells)
    }

    /// The server has taken it.
    pub fn taken(&mut self) {
        self.made += 1;
        self.number += 1;
        self.refused = 0;
        if self.at_hand {
            self.specials.pop_front();
        }
    }

    /// The server has not taken it.
    pub fn refused(&mut self, refusal: &Refusal) {
        self.tries += 1;
        if self.at_hand {
            // What a table refuses need not be survived.
            self.specials.pop_front();
            if *refusal == Refusal::Duplicate {
                self.number += 1;
            }
            return;
        }
        if self.made > 0 || *refusal == Refusal::Duplicate {
            self.number += 1;
            self.refused += 1;
            self.is_over = self.refused >= REFUSED_MAX;
            return;
        }
        let columns = self.suspects(refusal);
        self.is_over = self.tries >= TRIES_MAX || !self.turn(&columns);
    }

    /// Columns whose values may be why.
    fn suspects(&self, refusal: &Refusal) -> Vec<usize> {
        let all = 0..self.table.columns.len();
        let checks = self.table.checks.iter();
        match refusal {
            Refusal::Condition(name) => {
                let named = |check: &&Check| name.as_ref() == Some(&check.name);
                if let Some(check) = checks.clone().find(named) {
                    return check.columns.clone();
                }
                let checks = checks.chain(&self.table.partitions);
                all.filter(|index| checks.clone().any(|one| one.columns.contains(index)))
                    .collect()
            }
            Refusal::Duplicate | Refusal::Other => all.collect(),
        }
    }

    /// The next combination of variants of these columns; whether there is one.
    fn turn(&mut self, columns: &[usize]) -> bool {
        for column in columns {
            self.basis[*column] += 1;
            if self.basis[*column] < self.variants[*column].len() {
                return true;
            }
            self.basis[*column] = 0;
        }
        false
    }

    fn ordinary(&self) -> Option<Vec<Cell>> {
        let number = self.number;
        let columns = self.table.columns.iter().enumerate();
        let mut cells: Vec<Cell> = columns
            .map(|(index, column)| self.cell(index, column))
            .collect();
        let mut share = 1;
        for (foreign, pool) in self.table.foreign.iter().zip(&self.pools) {
            let Some(length) = std::num::NonZero::new(pool.len()) else {
                self.without_parent(foreign, &mut cells)?;
                continue;
            };
            // Two foreign keys may have to be unique together.
            let key = &pool[(number / share) % length];
            share = share.saturating_mul(length.get());
            for (column, text) in foreign.columns.iter().zip(key) {
                cells[*column] = Cell::Text(text.clone());
            }
        }
        Some(cells)
    }

    /// Refers to nothing, or to the row itself.
    fn without_parent(&self, foreign: &Foreign, cells: &mut [Cell]) -> Option<()> {
        let nullable = |column: &&usize| !self.table.columns[**column].is_not_null;
        if let Some(column) = foreign.columns.iter().find(nullable) {
            cells[*column] = Cell::Null;
            return Some(());
        }
        if foreign.table != self.table.oid {
            return None;
        }
        for (column, name) in foreign.columns.iter().zip(&foreign.to) {
            let mut columns = self.table.columns.iter();
            let to = columns.position(|one| one.name == *name)?;
            if cells[to] == Cell::Omitted {
                let value =
                    value::ordinary(&self.table.columns[to].shape, &self.limits[to], self.number)?;
                cells[to] = Cell::Text(value);
            }
            cells[*column] = cells[to].clone();
        }
        Some(())
    }

    fn cell(&self, index: usize, column: &Column) -> Cell {
        let uniques = || self.table.uniques.iter().filter(|one| one.contains(&index));
        match (column.default, &self.variants[index][self.basis[index]]) {
            (Default::Always, _) => Cell::Omitted,
            (_, Variant::Null) => Cell::Null,
            (_, Variant::Pattern(pattern)) => {
                Cell::Text(pattern.replace("%n", &self.number.to_string()))
            }
            (Default::Expression, Variant::Ordinary)
                if uniques().next().is_some() || self.number % 4 == 3 =>
            {
                Cell::Omitted
            }
            (_, Variant::Ordinary) => {
                let part = self.number.checked_rem(self.parted.len());
                let limits = part.map_or(&self.limits[index], |part| &self.parted[part][index]);
                let turn = self.number.checked_div(self.parted.len());
                let number = match turn {
                    Some(turn) if !limits.is_empty() => turn,
                    _ => self.number,
                };
                // Of a key of several columns many rows share the first ones.
                let is_first = |one: &Vec<usize>| one.len() > 1 && one.last() != Some(&index);
                let shares = uniques().next().is_some() && uniques().all(is_first);
                let number = if shares { number / SHARING } else { number };
                match value::ordinary(&column.shape, limits, number) {
                    Some(text) => Cell::Text(text),
                    None if column.default == Default::Expression => Cell::Omitted,
                    None => Cell::Null,
                }
            }
        }
    }
}

/// The ways to fill a column, the likeliest first.
fn variants_of(column: &Column, limits: &Limits) -> Vec<Variant> {
    let mut variants = vec![Variant::Ordinary];
    if column.default == Default::Always {
        return variants;
    }
    let patterns = value::patterns(&column.shape, limits).into_iter();
    variants.extend(patterns.map(Variant::Pattern));
    if !column.is_not_null {
        variants.push(Variant::Null);
    }
    variants
}

#[cfg(test)]
mod tests;
