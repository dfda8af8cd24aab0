//! Whole databases: copied with what the server keeps of them elsewhere, put
//! away as templates, dropped.

use super::{Error, Session, column, ident, literal};

/// Makes database `name`, a copy of `model`, to which nobody may be connected.
/// Unlike by CREATE DATABASE alone its settings, privileges, owner and comment
/// are the same too.
///
/// # Errors
/// [`Error::Server`] if `model` is in use (55006) for example; the new database
/// may be there then.
pub async fn copy(session: &Session, model: &str, name: &str) -> Result<(), Error> {
    let sql = format!("CREATE DATABASE {} TEMPLATE {}", ident(name), ident(model));
    session.execute(&sql).await?;
    dress(session, model, name).await
}

/// Gives database `name` what CREATE DATABASE has not copied of `model`.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn dress(session: &Session, model: &str, name: &str) -> Result<(), Error> {
    let sql = include_str!("database/dress.sql")
        .replace(":model", &literal(model))
        .replace(":name", &literal(name));
    for row in session.query(&sql).await? {
        session.execute("BEGIN READ WRITE").await?;
        for statement in row.iter().flatten() {
            session.execute(statement).await?;
        }
        session.execute("COMMIT").await?;
    }
    Ok(())
}

/// Ends all sessions of database `name`, closes it for new ones and gives it
/// another name, which it has only if all that is done.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn put_away(session: &Session, name: &str, as_name: &str) -> Result<(), Error> {
    let quoted = ident(name);
    let close = format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS false");
    session.execute(&close).await?;
    // RENAME waits five seconds for those who are on their way out.
    let end = include_str!("database/end_sessions.sql").replace(":name", &literal(name));
    session.query(&end).await?;
    let rename = format!("ALTER DATABASE {quoted} RENAME TO {}", ident(as_name));
    session.execute(&rename).await
}

/// Drops a database, if it is there, whoever is connected to it.
///
/// # Errors
/// [`Error::Server`] if something keeps it all the same.
pub async fn drop(session: &Session, name: &str) -> Result<(), Error> {
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", ident(name));
    session.execute(&sql).await
}

/// Names of all databases but those that `initdb` makes.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn names(session: &Session) -> Result<Vec<String>, Error> {
    let rows = session.query(include_str!("database/names.sql")).await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Bytes on disk.
///
/// # Errors
/// [`Error::Server`] if there is none of this name.
pub async fn size(session: &Session, name: &str) -> Result<u64, Error> {
    let sql = format!("SELECT pg_catalog.pg_database_size({})", literal(name));
    let rows = session.query(&sql).await?;
    let row = rows.first().ok_or_else(|| Error::protocol("no size"))?;
    column(row, 0)
}

/// What is in the catalogs of a session's database and was said of it, a line
/// that is another one as soon as somebody changes that.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn catalogs(session: &Session) -> Result<String, Error> {
    let rows = session.query(include_str!("database/catalogs.sql")).await?;
    let row = rows.first().ok_or_else(|| Error::protocol("no catalogs"))?;
    column(row, 0)
}

/// Takes back what `ALTER SYSTEM` has set, one statement after the other.
pub const RESET_SYSTEM: [&str; 2] = [
    "ALTER SYSTEM RESET ALL",
    "SELECT pg_catalog.pg_reload_conf()",
];

/// What was set by ALTER SYSTEM, a line each.
///
/// # Errors
/// [`Error::Server`] if the role is no superuser.
pub async fn system_settings(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "SELECT pg_catalog.format('system %s', name) \
                 FROM pg_catalog.pg_file_settings \
                WHERE sourcefile ~ 'postgresql\\.auto\\.conf$' ORDER BY 1";
    let rows = session.query(sql).await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Who asks which server: all that a database which is made by this session
/// depends on, and that can be seen from it.
///
/// # Errors
/// [`Error::Server`] if it may not be seen.
pub async fn surroundings(session: &Session) -> Result<String, Error> {
    let rows = session
        .query(include_str!("database/surroundings.sql"))
        .await?;
    let row = rows.first().ok_or_else(|| Error::protocol("no settings"))?;
    column(row, 0)
}
