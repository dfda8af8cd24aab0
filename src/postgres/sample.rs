//! Rows of a database for a snapshot of data: chosen, followed along foreign
//! keys, and read as `COPY` writes them.
//!
//! All in one transaction of REPEATABLE READ that writes nothing, so that a
//! row's place is its name and a standby will do.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{Error, ServerError, Session, TextRow, column, literal};
use crate::sample::{
    Choice, Choices, Closure, Reference, Rows, Table, TableName, Unknown, order, with_referrers,
};

pub mod load;

/// Rows whose references are followed at once.
const FOLLOWED_MAX: usize = 500;

/// What a value looks like depends on these.
const SETTINGS: &str = "\
    SET LOCAL row_security = off; \
    SET LOCAL datestyle = 'ISO'; \
    SET LOCAL timezone = 'UTC'; \
    SET LOCAL intervalstyle = 'postgres'; \
    SET LOCAL extra_float_digits = 1; \
    SET LOCAL bytea_output = 'hex'; \
    SET LOCAL xmlbinary = 'base64'; \
    SET LOCAL lc_monetary = 'C'";

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// Rows are chosen of what is not there.
    #[error("`{}` is not there", .0.name)]
    Unknown(Unknown),
    /// The query that chooses rows, or the expression that replaces a value,
    /// is refused.
    #[error("{what}: {}", .error.message)]
    Refused {
        /// What, for people.
        what: String,
        /// The columns that a query has to select.
        key: Vec<String>,
        /// Why, in the server's words.
        error: Box<ServerError>,
    },
    /// The server or the connection failed.
    #[error(transparent)]
    Postgres(#[from] Error),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Tables that are emptied first, as SQL has them.
    pub emptied: Vec<String>,
    /// Whether others refer to them, of namespaces that are not the schema's.
    pub empties_others: bool,
    /// In the order in which they are put in.
    pub rows: Vec<Rows>,
    /// Statements that set the sequences, by name.
    pub sequences: Vec<String>,
}

/// Reads the rows that are wanted and all that they refer to, and where the
/// sequences stand. Of tables in other namespaces than these, unless none is
/// named, only those rows are wanted that are chosen by the whole name.
///
/// # Errors
/// See [`SampleError`].
pub async fn read(
    session: &Session,
    choices: &Choices,
    namespaces: &[String],
) -> Result<Read, SampleError> {
    session
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await?;
    session.execute(SETTINGS).await?;
    let read = read_within(session, choices, namespaces).await?;
    session.execute("COMMIT").await?;
    Ok(read)
}

async fn read_within(
    session: &Session,
    choices: &Choices,
    namespaces: &[String],
) -> Result<Read, SampleError> {
    let tables = tables(session).await?;
    let is_ours =
        |table: &Table| namespaces.is_empty() || namespaces.contains(&table.name.namespace);
    if let Some(unknown) = choices.unknown(&tables).into_iter().next() {
        return Err(SampleError::Unknown(unknown));
    }
    let references = references(session).await?;
    let mut closure = Closure::default();
    let mut holders = Holders::default();
    let mut wanted = BTreeSet::new();
    for table in &tables {
        let choice = if is_ours(table) {
            choices.of(table)
        } else {
            choices.of_other(table)
        };
        let Some(sql) = choose(table, &choice) else {
            continue;
        };
        wanted.insert(table.oid);
        let found = session.query(&sql).await;
        let found = found.map_err(|error| match (error, &choice) {
            (Error::Server(error), Choice::Query(_)) => SampleError::Refused {
                what: format!("the query that chooses rows of `{}`", table.name.quoted),
                key: table.key.clone(),
                error,
            },
            (error, _) => error.into(),
        })?;
        holders.take(&mut closure, table.oid, &found)?;
    }
    while let Some((relation, places)) = closure.next(FOLLOWED_MAX) {
        for reference in references
            .iter()
            .filter(|one| one.covers.contains(&relation))
        {
            if !tables.iter().any(|table| table.oid == reference.to) {
                continue;
            }
            let sql = follow(reference, holders.name(relation), &places);
            let found = session.query(&sql).await?;
            holders.take(&mut closure, reference.to, &found)?;
        }
    }
    let mut chosen: BTreeMap<u32, Vec<(u32, &BTreeSet<String>)>> = BTreeMap::new();
    for (relation, places) in closure.chosen() {
        if let Some((table, _)) = holders.0.get(relation) {
            chosen.entry(*table).or_default().push((*relation, places));
        }
    }
    wanted.extend(chosen.keys());
    let emptied = with_referrers(&wanted, &references);
    let mut read = Read::default();
    for table in order(&tables, &references)
        .into_iter()
        .map(|place| &tables[place])
    {
        if emptied.contains(&table.oid) {
            // Where the rows go there may be none of these.
            if is_ours(table) || wanted.contains(&table.oid) {
                read.emptied.push(table.source.clone());
            } else {
                read.empties_others = true;
            }
        }
        let Some(places) = chosen.get(&table.oid) else {
            continue;
        };
        // A table without columns has rows that say nothing.
        if table.columns.is_empty() {
            continue;
        }
        let data = copied(session, table, choices, places).await?;
        read.rows.push(Rows {
            table: table.name.quoted.clone(),
            columns: table.columns.clone(),
            data,
        });
    }
    read.emptied.sort();
    read.sequences = sequences(session, namespaces, &wanted).await?;
    Ok(read)
}

/// The rows of a table that are at these places.
async fn copied(
    session: &Session,
    table: &Table,
    choices: &Choices,
    places: &[(u32, &BTreeSet<String>)],
) -> Result<String, SampleError> {
    // What names a table, a type or a function is written with its namespace.
    // An expression of the user's is read as elsewhere.
    let mut columns = table.columns.iter();
    let is_plain = columns.all(|column| choices.replacement(table, column).is_none());
    let path = session
        .value("SELECT pg_catalog.current_setting('search_path')")
        .await?;
    if is_plain {
        session.execute("SET LOCAL search_path = ''").await?;
    }
    let data = session.copy_text(&copy(table, choices, places)).await;
    let data = data.map_err(|error| match error {
        Error::Server(error) if !is_plain => SampleError::Refused {
            what: format!(
                "the rows of `{}`, with what is put in their place",
                table.name.quoted
            ),
            key: Vec::new(),
            error,
        },
        error => error.into(),
    })?;
    let back = format!(
        "SELECT pg_catalog.set_config('search_path', {}, true)",
        literal(&path.unwrap_or_default())
    );
    session.execute(&back).await?;
    Ok(data)
}

/// The relations that hold chosen rows: tables and partitions, each with the
/// OID of its table and its name.
#[derive(Default)]
struct Holders(BTreeMap<u32, (u32, String)>);

impl Holders {
    /// Takes rows of a table: relation, place, name of the relation.
    fn take(&mut self, closure: &mut Closure, table: u32, rows: &[TextRow]) -> Result<(), Error> {
        for row in rows {
            let relation = column(row, 0)?;
            if let Entry::Vacant(vacant) = self.0.entry(relation) {
                vacant.insert((table, column(row, 2)?));
            }
            closure.add(relation, column(row, 1)?);
        }
        Ok(())
    }

    fn name(&self, relation: u32) -> &str {
        self.0.get(&relation).map_or("", |(_, name)| name)
    }
}

async fn tables(session: &Session) -> Result<Vec<Table>, Error> {
    let rows = session.query(include_str!("sample/tables.sql")).await?;
    let name = |(namespace, name, quoted)| TableName {
        namespace,
        name,
        quoted,
    };
    let table = |row: &TextRow| {
        Ok(Table {
            oid: column(row, 0)?,
            name: TableName {
                namespace: column(row, 1)?,
                name: column(row, 2)?,
                quoted: column(row, 3)?,
            },
            inherits: list(row[8].as_deref())?.into_iter().map(name).collect(),
            source: column(row, 4)?,
            columns: list(row[5].as_deref())?,
            key: list(row[6].as_deref())?,
            collated: list(row[7].as_deref())?,
        })
    };
    rows.iter().map(table).collect()
}

async fn references(session: &Session) -> Result<Vec<Reference>, Error> {
    let rows = session.query(include_str!("sample/references.sql")).await?;
    let reference = |row: &TextRow| {
        Ok(Reference {
            from: column(row, 0)?,
            covers: list(row[1].as_deref())?.into_iter().collect(),
            to: column(row, 2)?,
            target: column(row, 3)?,
            condition: column(row, 4)?,
        })
    };
    rows.iter().map(reference).collect()
}

/// Where each sequence stands that has given a value.
async fn sequences(
    session: &Session,
    namespaces: &[String],
    tables: &BTreeSet<u32>,
) -> Result<Vec<String>, Error> {
    let mut statements = Vec::new();
    for row in session.query(include_str!("sample/sequences.sql")).await? {
        let (name, literal): (String, String) = (column(&row, 0)?, column(&row, 1)?);
        let namespace: String = column(&row, 2)?;
        let is_ours = namespaces.is_empty() || namespaces.contains(&namespace);
        let table: Option<u32> = row[3].as_deref().and_then(|oid| oid.parse().ok());
        if !is_ours && !table.is_some_and(|table| tables.contains(&table)) {
            continue;
        }
        let state = format!("SELECT last_value, is_called FROM {name}");
        let Some(state) = session.query(&state).await?.into_iter().next() else {
            continue;
        };
        let value: i64 = column(&state, 0)?;
        let is_called = state[1].as_deref() == Some("t");
        statements.push(format!(
            "SELECT pg_catalog.setval({literal}, {value}, {is_called})"
        ));
    }
    Ok(statements)
}

fn list<T: serde::de::DeserializeOwned>(json: Option<&str>) -> Result<Vec<T>, Error> {
    let Some(json) = json else {
        return Ok(Vec::new());
    };
    serde_json::from_str(json).map_err(|_| Error::protocol("a catalog is not as asked for"))
}

/// The whole row as text, for what has no key.
const WHOLE: &str = "(t.*)::pg_catalog.text";

/// A row's place, and the relation that holds it.
fn place(alias: &str) -> String {
    format!("{alias}.tableoid, {alias}.ctid, {alias}.tableoid::pg_catalog.regclass")
}

/// Selects where the wanted rows of a table are; `None` if none is wanted.
fn choose(table: &Table, choice: &Choice) -> Option<String> {
    let from = format!("SELECT {} FROM {} AS t", place("t"), table.source);
    let columns = |alias: &str| -> Vec<String> {
        let key = table.key.iter();
        key.map(|column| format!("{alias}.{column}")).collect()
    };
    Some(match choice {
        Choice::None => return None,
        Choice::All => from,
        Choice::First(count) => {
            let by = match columns("t") {
                key if key.is_empty() => format!("{WHOLE} COLLATE \"C\""),
                key => key.join(", "),
            };
            format!("{from} ORDER BY {by} LIMIT {count}")
        }
        Choice::Query(query) => {
            // It may end in a comment.
            let query = query.trim().trim_end_matches(';');
            let (own, wanted) = match columns("t") {
                key if key.is_empty() => (WHOLE.to_owned(), WHOLE.replace("t.*", "q.*")),
                key => (key.join(", "), columns("q").join(", ")),
            };
            format!("{from} WHERE ({own}) IN (SELECT {wanted} FROM (\n{query}\n) AS q)")
        }
    })
}

/// Selects where the rows are that rows of `relation` refer to.
fn follow(reference: &Reference, relation: &str, places: &[String]) -> String {
    format!(
        "SELECT DISTINCT {} FROM ONLY {relation} AS f JOIN {} AS r ON {} WHERE f.ctid = ANY ({})",
        place("r"),
        reference.target,
        reference.condition,
        array(places)
    )
}

fn array<'a>(places: impl IntoIterator<Item = &'a String>) -> String {
    let places: Vec<String> = places
        .into_iter()
        .map(|place| format!("\"{place}\""))
        .collect();
    format!("'{{{}}}'::pg_catalog.tid[]", places.join(","))
}

/// The statement that writes these rows of a table, in the order of its key.
fn copy(table: &Table, choices: &Choices, chosen: &[(u32, &BTreeSet<String>)]) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| match choices.replacement(table, column) {
            Some(expression) => format!("({expression})"),
            None => format!("t.{column}"),
        })
        .collect();
    let conditions: Vec<String> = chosen
        .iter()
        .map(|(relation, places)| {
            format!(
                "t.tableoid = {relation} AND t.ctid = ANY ({})",
                array(*places)
            )
        })
        .collect();
    let mut order: Vec<String> = table
        .key
        .iter()
        .zip(&table.collated)
        .map(|(column, is_collated)| {
            let collation = if *is_collated { " COLLATE \"C\"" } else { "" };
            format!("t.{column}{collation}")
        })
        .collect();
    if order.is_empty() {
        order.push(format!("{WHOLE} COLLATE \"C\""));
    }
    format!(
        "COPY (SELECT {} FROM {} AS t WHERE {} ORDER BY {}) TO STDOUT",
        columns.join(", "),
        table.source,
        conditions.join(" OR "),
        order.join(", ")
    )
}
