//! Types from the catalogs → what values they take.

use std::collections::BTreeMap;

use super::json;
use crate::postgres::{Error, TextRow, column};
use crate::rehearsal::rows::Shape;

/// The types that some tables need.
#[derive(Debug)]
pub(super) struct Kinds(BTreeMap<u32, Kind>);

/// As `types.sql` has it.
#[derive(Debug)]
struct Kind {
    /// Empty unless it is one of PostgreSQL's own.
    name: String,
    sort: String,
    category: String,
    /// The type of an element, or what a domain is based on.
    inner: u32,
    modifier: i32,
    is_not_null: bool,
    labels: Vec<String>,
    fields: Vec<(u32, i32)>,
    checks: Vec<(String, String)>,
}

/// What a column may hold.
pub(super) struct Values {
    pub(super) shape: Shape,
    /// A domain may say so.
    pub(super) is_not_null: bool,
    /// Of domains: names and texts.
    pub(super) checks: Vec<(String, String)>,
}

/// A type within a type within a type …
const DEPTH_MAX: usize = 8;

impl Kinds {
    pub(super) fn new(rows: &[TextRow]) -> Result<Self, Error> {
        let kind = |row: &TextRow| -> Result<(u32, Kind), Error> {
            let kind = Kind {
                name: column(row, 1)?,
                sort: column(row, 2)?,
                category: column(row, 3)?,
                inner: column(row, 4)?,
                modifier: column(row, 5)?,
                is_not_null: row[6].as_deref() == Some("t"),
                labels: json(row[7].as_deref())?,
                fields: json(row[8].as_deref())?,
                checks: json(row[9].as_deref())?,
            };
            Ok((column(row, 0)?, kind))
        };
        Ok(Self(rows.iter().map(kind).collect::<Result<_, _>>()?))
    }

    /// What a column of type `oid` with type modifier `modifier` may hold.
    pub(super) fn get(&self, oid: u32, modifier: i32) -> Values {
        let mut values = Values {
            shape: Shape::Unknown,
            is_not_null: false,
            checks: Vec::new(),
        };
        let (mut oid, mut modifier) = (oid, modifier);
        for _ in 0..DEPTH_MAX {
            match self.0.get(&oid) {
                Some(kind) if kind.sort == "d" => {
                    values.is_not_null |= kind.is_not_null;
                    values.checks.extend(kind.checks.iter().cloned());
                    (oid, modifier) = (kind.inner, kind.modifier);
                }
                _ => break,
            }
        }
        values.shape = self.shape(oid, modifier, DEPTH_MAX);
        values
    }

    fn shape(&self, oid: u32, modifier: i32, depth: usize) -> Shape {
        let Some((kind, depth)) = self.0.get(&oid).zip(depth.checked_sub(1)) else {
            return Shape::Unknown;
        };
        let inner = |modifier| Box::new(self.shape(kind.inner, modifier, depth));
        match (kind.sort.as_str(), kind.category.as_str()) {
            ("d", _) => self.shape(kind.inner, kind.modifier, depth),
            ("e", _) if kind.labels.is_empty() => Shape::Unknown,
            ("e", _) => Shape::Choice(kind.labels.clone()),
            ("c", _) => {
                let fields = kind.fields.iter();
                Shape::Composite(
                    fields
                        .map(|(oid, modifier)| self.shape(*oid, *modifier, depth))
                        .collect(),
                )
            }
            ("r", _) => Shape::Range(inner(-1)),
            (_, "A") => Shape::Array(inner(modifier)),
            (_, category) => base(&kind.name, category, modifier),
        }
    }
}

/// A type that is made of no other.
fn base(name: &str, category: &str, modifier: i32) -> Shape {
    let length = usize::try_from(modifier - 4).ok();
    match name {
        "int2" => Shape::Integer {
            least: i16::MIN.into(),
            most: i16::MAX.into(),
        },
        "int4" => Shape::Integer {
            least: i32::MIN.into(),
            most: i32::MAX.into(),
        },
        "int8" => Shape::Integer {
            least: i64::MIN,
            most: i64::MAX,
        },
        "oid" => Shape::Integer {
            least: 0,
            most: u32::MAX.into(),
        },
        "numeric" => Shape::Numeric(precision(modifier)),
        "float4" | "float8" | "money" => Shape::Float,
        "bpchar" | "varchar" => Shape::Text(length),
        "char" => Shape::Text(Some(1)),
        "name" => Shape::Text(Some(63)),
        "bool" => Shape::Boolean,
        "date" => Shape::Date,
        "time" | "timetz" => Shape::Time,
        "timestamp" | "timestamptz" => Shape::Timestamp,
        "interval" => Shape::Interval,
        "uuid" => Shape::Uuid,
        "bytea" => Shape::Bytes,
        "json" | "jsonb" => Shape::Json,
        "inet" | "cidr" => Shape::Network,
        "bit" | "varbit" => match usize::try_from(modifier) {
            Ok(width) => Shape::Bits(width, name == "bit"),
            Err(_) => Shape::Bits(8, false),
        },
        "macaddr" | "macaddr8" => {
            Shape::Choice(choice(&["08:00:2b:01:02:03", "08:00:2b:01:02:04"]))
        }
        "point" => Shape::Choice(choice(&["(0,0)", "(1,2)"])),
        "xml" => Shape::Choice(choice(&["<a/>", "<a>text</a>"])),
        "tsvector" | "tsquery" | "jsonpath" | "pg_lsn" => Shape::Unknown,
        // `citext` for example, and other kinds of numbers.
        _ if category == "S" => Shape::Text(None),
        _ if category == "N" => Shape::Float,
        _ => Shape::Unknown,
    }
}

fn choice(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Precision and scale; a scale below zero or above the precision is as if
/// nothing was stated.
fn precision(modifier: i32) -> Option<(u32, u32)> {
    let packed = u32::try_from(modifier - 4).ok()?;
    let (precision, scale) = (packed >> 16 & 0xffff, packed & 0x7ff);
    (scale <= precision).then_some((precision, scale))
}
