//! Rows of catalog queries → objects.
//!
//! A column's label is the attribute's name; NULL is no attribute. What a label
//! ends in says what its text is:
//!
//! - `:json`: JSON (a boolean, a number, a list, a map).
//! - `:sql`: SQL that PostgreSQL rendered from a parsed expression or query;
//!   see [`rendered`].
//! - `:options`: a JSON list of `name=value`; becomes a map.
//! - `:acl`: what the template's `$acl` gives, or any JSON list `[acl, the
//!   default one, owner]`; becomes up to two attributes, see [`acl`].

use std::collections::BTreeMap;

use super::acl::{self, Acl};
use super::{Entity, Reading, Role, rendered, torn};
use crate::postgres::{Error, Table};
use crate::schema::{Attributes, Kind, Map, ObjectId, Value};

/// Objects so far.
#[derive(Default)]
pub(super) struct Assembly {
    objects: BTreeMap<Entity, (ObjectId, Attributes)>,
    /// Whether something has gone while it was read.
    is_torn: bool,
}

impl Assembly {
    /// Adds the rows of one query.
    pub(super) fn add(
        &mut self,
        catalog: &'static str,
        role: Role,
        table: &Table,
    ) -> Result<(), Error> {
        let fixed = role.fixed();
        for row in &table.rows {
            self.is_torn |= torn::is_torn(role, &table.labels, row);
            let oid = super::super::column(row, 0)?;
            let entity = Entity { catalog, oid };
            let attributes = attributes(&table.labels[fixed..], &row[fixed..])?;
            match role {
                Role::Object => {
                    let kind: String = super::super::column(row, 2)?;
                    let kind: Kind = kind
                        .parse()
                        .map_err(|()| Error::protocol("an unknown kind of object"))?;
                    let id = ObjectId {
                        namespace: row[1].clone(),
                        kind,
                        name: super::super::column(row, 3)?,
                    };
                    self.objects.insert(entity, (id, attributes));
                }
                Role::Part => {
                    if let Some((_, object)) = self.objects.get_mut(&entity) {
                        let part: String = super::super::column(row, 1)?;
                        let key: String = super::super::column(row, 2)?;
                        let parts = object
                            .entry(part)
                            .or_insert_with(|| Value::Object(Map::new()));
                        if let Value::Object(parts) = parts {
                            parts.insert(key, Value::Object(attributes));
                        }
                    }
                }
                Role::Decoration => self.decorate(entity, row, attributes),
            }
        }
        Ok(())
    }

    fn decorate(&mut self, entity: Entity, row: &[Option<String>], attributes: Attributes) {
        let Some((_, object)) = self.objects.get_mut(&entity) else {
            return;
        };
        let target = match (&row[1], &row[2]) {
            (Some(part), Some(key)) => object
                .get_mut(part)
                .and_then(|parts| parts.get_mut(key))
                .and_then(Value::as_object_mut),
            _ => Some(object),
        };
        if let Some(target) = target {
            target.extend(attributes);
        }
    }

    /// What has been read.
    pub(super) fn finish(self) -> torn::Seen<Reading> {
        let mut reading = Reading::default();
        for (entity, (id, mut attributes)) in self.objects {
            rank_columns(&mut attributes);
            reading.snapshot.objects.insert(id.clone(), attributes);
            reading.entities.insert(entity, id);
        }
        reading.snapshot.normalise();
        (reading, self.is_torn)
    }
}

fn attributes(labels: &[String], row: &[Option<String>]) -> Result<Attributes, Error> {
    let mut attributes = Map::new();
    for (label, value) in labels.iter().zip(row) {
        let Some(text) = value else { continue };
        let (name, form) = label.split_once(':').unwrap_or((label, ""));
        let value = match form {
            "" => Value::String(text.clone()),
            "json" => json(text)?,
            "sql" => Value::String(rendered::settled(text)),
            "options" => options(&json::<Vec<String>>(text)?),
            "acl" => {
                let acl: Acl = json(text)?;
                attributes.extend(acl::attributes(&acl));
                continue;
            }
            _ => return Err(Error::protocol("a catalog column has an unknown form")),
        };
        attributes.insert(name.to_owned(), value);
    }
    Ok(attributes)
}

/// Positions of columns count from 1, without gaps: the catalog's numbers skip
/// the columns that were dropped, which a restored dump does not have.
fn rank_columns(attributes: &mut Attributes) {
    let Some(Value::Object(columns)) = attributes.get_mut("columns") else {
        return;
    };
    let mut positions: Vec<_> = columns
        .values_mut()
        .filter_map(|column| column.get_mut("position"))
        .collect();
    positions.sort_by_key(|position| position.as_i64());
    for (position, rank) in positions.into_iter().zip(1_u64..) {
        *position = rank.into();
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::protocol("a catalog column is not JSON"))
}

/// A map, since the order in which options were set says nothing.
fn options(options: &[String]) -> Value {
    let options = options.iter().map(|option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        (name.to_owned(), Value::String(value.to_owned()))
    });
    Value::Object(options.collect())
}
