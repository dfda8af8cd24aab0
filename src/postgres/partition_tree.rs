//! A partitioned table with its partitions, and the indexes of all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Session, TextRow, column, ident, literal};
use crate::procedure::Index;
use crate::procedure::partitioned_index::name::{self, Encoding};
use crate::procedure::partitioned_index::{Kind, Node, Part};
use crate::statement::RelationName;

mod order;

pub use order::leaves;

/// The table and its partitions, each after what it is a partition of; empty if
/// the table is gone. `target` is the index that others are compared with,
/// `is_same` is asked of the definitions of the table's own.
///
/// # Errors
/// As [`Session::execute`].
pub async fn nodes(
    session: &Session,
    table: u32,
    target: Option<u32>,
    is_same: impl Fn(&str) -> Option<bool>,
) -> Result<Vec<Node>, Error> {
    let sql = include_str!("partition_tree/nodes.sql").replace(":table", &table.to_string());
    let rows = session.query(&sql).await?;
    read(session, &rows, table, target, is_same).await
}

/// One table, whatever it is a partition of.
///
/// # Errors
/// As [`Session::execute`].
pub async fn node(
    session: &Session,
    table: u32,
    target: Option<u32>,
) -> Result<Option<Node>, Error> {
    let sql = include_str!("partition_tree/node.sql").replace(":table", &table.to_string());
    let rows = session.query(&sql).await?;
    let mut nodes = read(session, &rows, table, target, |_| None).await?;
    Ok(nodes.pop())
}

/// As [`node`], while it is a partition.
///
/// # Errors
/// As [`Session::execute`].
pub async fn leaf(session: &Session, table: u32, target: u32) -> Result<Option<Node>, Error> {
    let sql = include_str!("partition_tree/leaf.sql").replace(":table", &table.to_string());
    let rows = session.query(&sql).await?;
    let mut nodes = read(session, &rows, table, Some(target), |_| None).await?;
    Ok(nodes.pop())
}

async fn read(
    session: &Session,
    rows: &[TextRow],
    table: u32,
    target: Option<u32>,
    is_same: impl Fn(&str) -> Option<bool>,
) -> Result<Vec<Node>, Error> {
    let mut nodes: Vec<Node> = Vec::with_capacity(rows.len());
    let mut places = BTreeMap::new();
    for row in rows {
        let oid: u32 = column(row, 0)?;
        let parent = row[1].as_deref().and_then(|oid| oid.parse::<u32>().ok());
        // What it is a partition of was dropped between two looks of one query.
        let Some(parent) = parent.map_or(Some(0), |parent| places.get(&parent).copied()) else {
            continue;
        };
        places.insert(oid, nodes.len());
        nodes.push(Node {
            oid,
            name: column(row, 2)?,
            bare_name: column(row, 3)?,
            namespace: column(row, 4)?,
            parent,
            kind: match row[5].as_deref() {
                Some("p") => Kind::Partitioned,
                Some("f") => Kind::Foreign,
                _ => Kind::Leaf,
            },
            indexes: Vec::new(),
            holders: Vec::new(),
        });
    }
    if nodes.is_empty() {
        return Ok(nodes);
    }
    let oids: Vec<String> = places.keys().map(ToString::to_string).collect();
    let tables = format!("{{{}}}", oids.join(","));
    let sql = include_str!("partition_tree/indexes.sql")
        .replace(":tables", &tables)
        .replace(":table", &table.to_string())
        .replace(":target", &target.unwrap_or(0).to_string());
    for row in session.query(&sql).await? {
        let Some(&place) = places.get(&column::<u32>(&row, 0)?) else {
            continue;
        };
        let definition: String = column(&row, 5)?;
        nodes[place].indexes.push(Part {
            index: Index {
                oid: column(&row, 1)?,
                name: column(&row, 2)?,
                qualified: column(&row, 3)?,
                is_valid: row[4].as_deref() == Some("t"),
                is_in_reach: true,
                is_same: is_same(&definition),
                definition,
            },
            attached_to: row[6].as_deref().and_then(|oid| oid.parse().ok()),
            matches: row[7].as_deref() == Some("t"),
        });
    }
    let sql = include_str!("partition_tree/holders.sql").replace(":tables", &tables);
    for row in session.query(&sql).await? {
        if let Some(&place) = places.get(&column::<u32>(&row, 0)?) {
            nodes[place].holders.push(column(&row, 1)?);
        }
    }
    Ok(nodes)
}

/// Those of `tables` that are partitioned, as far as they are there.
///
/// # Errors
/// As [`Session::execute`].
pub async fn partitioned<'a>(
    session: &Session,
    tables: &BTreeSet<&'a RelationName>,
) -> Result<BTreeSet<&'a RelationName>, Error> {
    let tables: Vec<&RelationName> = tables.iter().copied().collect();
    let rows: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(place, table)| {
            let name = match &table.namespace {
                Some(namespace) => format!("{}.{}", ident(namespace), ident(&table.name)),
                None => ident(&table.name),
            };
            format!("({place}, {})", literal(&name))
        })
        .collect();
    let sql = include_str!("partition_tree/partitioned.sql").replace(":tables", &rows.join(", "));
    let places = session.query(&sql).await?;
    let places = places.iter().map(|row| column::<usize>(row, 0));
    places.map(|place| Ok(tables[place?])).collect()
}

/// What is common to an index of a partitioned table and those of its
/// partitions, in the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    is_unique: bool,
    is_temporary: bool,
    /// The index's own name, as SQL.
    name: String,
    /// From `USING` on.
    rest: String,
    columns: Vec<String>,
    encoding: Encoding,
}

impl Shape {
    /// The shape of an index of a partitioned table.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it is gone, and as [`Session::execute`].
    pub async fn read(session: &Session, index: u32) -> Result<Self, Error> {
        let sql = include_str!("partition_tree/shape.sql").replace(":index", &index.to_string());
        let rows = session.query(&sql).await?;
        let row = rows
            .first()
            .ok_or_else(|| Error::protocol("the index of the partitioned table is gone"))?;
        let (definition, name, table): (String, String, String) =
            (column(row, 0)?, column(row, 2)?, column(row, 3)?);
        let is_unique = row[1].as_deref() == Some("t");
        let malformed = || Error::protocol("an index's definition is not as PostgreSQL writes it");
        let unique = unique(is_unique);
        let mut rest = definition
            .strip_prefix(&format!("CREATE {unique}INDEX {name} ON ONLY {table} "))
            .ok_or_else(malformed)?
            .to_owned();
        // The one thing that a definition leaves out.
        if let Some(tablespace) = &row[5] {
            let predicate = match &row[4] {
                Some(predicate) => format!(" WHERE {predicate}"),
                None => String::new(),
            };
            let before = rest.strip_suffix(&predicate).ok_or_else(malformed)?;
            rest = format!("{before} TABLESPACE {tablespace}{predicate}");
        }
        let columns: String = column(row, 6)?;
        Ok(Self {
            is_unique,
            is_temporary: row[8].as_deref() == Some("t"),
            name,
            rest,
            columns: serde_json::from_str(&columns).map_err(|_| malformed())?,
            encoding: match row[7].as_deref() {
                Some("1") => Encoding::OneByte,
                _ => Encoding::Utf8,
            },
        })
    }

    /// Whether only the session that made the table can work on it.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// The statement that builds the index of a partition.
    #[must_use]
    pub fn build_sql(&self, name: &str, partition: &str) -> String {
        let (unique, name) = (unique(self.is_unique), ident(name));
        format!(
            "CREATE {unique}INDEX CONCURRENTLY {name} ON {partition} {}",
            self.rest
        )
    }

    /// The statement that makes the index of a partition that is partitioned
    /// itself.
    #[must_use]
    pub fn create_on_sql(&self, name: &str, partition: &str) -> String {
        let (unique, name) = (unique(self.is_unique), ident(name));
        format!(
            "CREATE {unique}INDEX {name} ON ONLY {partition} {}",
            self.rest
        )
    }

    /// The statement that makes the index itself, on the whole `table`.
    #[must_use]
    pub fn create_sql(&self, table: &str) -> String {
        let unique = unique(self.is_unique);
        format!(
            "CREATE {unique}INDEX {} ON {table} {}",
            self.name, self.rest
        )
    }

    /// Whether two of these tables would get indexes of the same name, but for
    /// a number.
    #[must_use]
    pub fn collide(&self, nodes: &[Node]) -> bool {
        let mut names = BTreeSet::new();
        let mut partitions = nodes
            .iter()
            .skip(1)
            .filter(|node| node.kind != Kind::Foreign);
        partitions.any(|node| {
            let name = name::candidate(&node.bare_name, &self.columns, 0, self.encoding);
            !names.insert((node.namespace, name))
        })
    }

    /// The names that PostgreSQL would give now to indexes of these partitions,
    /// one after the other.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn choose_names(
        &self,
        session: &Session,
        nodes: &[&Node],
    ) -> Result<Vec<String>, Error> {
        /// Of a partition; few have more than one of each name.
        const AT_ONCE: usize = 16;
        /// In one statement.
        const NODES_AT_ONCE: usize = 500;
        let mut chosen = Vec::with_capacity(nodes.len());
        let mut given: BTreeSet<(u32, String)> = BTreeSet::new();
        for nodes in nodes.chunks(NODES_AT_ONCE) {
            let candidates = nodes
                .iter()
                .flat_map(|node| self.candidates(node, 0, AT_ONCE));
            let taken = taken(session, candidates).await?;
            for node in nodes {
                let mut names = self.candidates(node, 0, AT_ONCE);
                let is_free = |name: &(u32, String)| !taken.contains(name) && !given.contains(name);
                let mut free = names.find(is_free);
                let mut pass = AT_ONCE;
                while free.is_none() {
                    let more = self.candidates(node, pass, AT_ONCE);
                    let taken = self::taken(session, more.clone()).await?;
                    free = { more }.find(|name| !taken.contains(name) && !given.contains(name));
                    pass += AT_ONCE;
                }
                if let Some(name) = free {
                    chosen.push(name.1.clone());
                    given.insert(name);
                }
            }
        }
        Ok(chosen)
    }

    /// Names that PostgreSQL tries, in this order, each with the namespace.
    fn candidates<'a>(
        &'a self,
        node: &'a Node,
        from: usize,
        count: usize,
    ) -> impl Iterator<Item = (u32, String)> + Clone + use<'a> {
        (from..from + count).map(move |pass| {
            let name = name::candidate(&node.bare_name, &self.columns, pass, self.encoding);
            (node.namespace, name)
        })
    }
}

/// Those that a relation has already.
async fn taken(
    session: &Session,
    names: impl Iterator<Item = (u32, String)>,
) -> Result<BTreeSet<(u32, String)>, Error> {
    let names: Vec<String> = names
        .map(|(namespace, name)| format!("({namespace}, {})", literal(&name)))
        .collect();
    let sql = format!(
        "SELECT relnamespace, relname FROM pg_catalog.pg_class WHERE (relnamespace, relname) IN (VALUES {})",
        names.join(", ")
    );
    let rows = session.query(&sql).await?;
    let taken = rows
        .iter()
        .map(|row| Ok((column(row, 0)?, column(row, 1)?)));
    taken.collect()
}

fn unique(is_unique: bool) -> &'static str {
    if is_unique { "UNIQUE " } else { "" }
}
