//! Rows into a database that has none yet, as they were in another one.
//!
//! They come as they are: triggers are off, foreign keys are looked at in the
//! end, so that rows may refer to each other in a circle, and what is not valid
//! for old rows is not asked of them. All of it is undone in the transaction
//! that does it, and needs no more than the tables' owner may do.

use crate::postgres::{Error, Session, column};

/// A transaction in which rows are put in.
#[derive(Debug)]
#[must_use = "the transaction is open"]
pub struct Loading {
    /// Statements that bring back what is put aside.
    back: Vec<String>,
    is_superuser: bool,
}

/// As rows are read, so that they mean the same; and whatever others thought
/// good for the role or the database is none of these rows' business.
const SETTINGS: &str = "\
    SET LOCAL statement_timeout = 0; \
    SET LOCAL lock_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SET LOCAL client_encoding = 'UTF8'; \
    SET LOCAL datestyle = 'ISO'; \
    SET LOCAL timezone = 'UTC'; \
    SET LOCAL intervalstyle = 'postgres'; \
    SET LOCAL xmlbinary = 'base64'; \
    SET LOCAL lc_monetary = 'C'";

/// Opens the transaction and puts aside what stands in the way.
///
/// # Errors
/// As [`Session::execute`]; 42501 if a table is somebody else's.
pub async fn begin(session: &Session) -> Result<Loading, Error> {
    session.execute("BEGIN READ WRITE").await?;
    session.execute(SETTINGS).await?;
    let is_superuser = session
        .value("SELECT pg_catalog.current_setting('is_superuser')")
        .await?;
    let is_superuser = is_superuser.as_deref() == Some("on");
    let (mut away, mut back) = (Vec::new(), Vec::new());
    for row in session.query(include_str!("held.sql")).await? {
        away.extend(row[0].clone());
        back.push(column::<String>(&row, 1)?);
    }
    quietly(session, is_superuser, &away).await?;
    session.execute("SET CONSTRAINTS ALL DEFERRED").await?;
    Ok(Loading { back, is_superuser })
}

/// Looks at foreign keys, brings back what was put aside, fills materialized
/// views, and commits.
///
/// # Errors
/// As [`Session::execute`]; 23503 if a row is missing that others refer to.
pub async fn finish(session: &Session, loading: Loading) -> Result<(), Error> {
    session.execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
    let mut statements = loading.back;
    for row in session.query(include_str!("views.sql")).await? {
        let name: String = column(&row, 0)?;
        statements.push(format!("REFRESH MATERIALIZED VIEW {name}"));
    }
    quietly(session, loading.is_superuser, &statements).await?;
    session.execute("COMMIT").await
}

/// Runs statements; event triggers do not hear of them where that can be had.
async fn quietly(session: &Session, can: bool, statements: &[String]) -> Result<(), Error> {
    if statements.is_empty() {
        return Ok(());
    }
    if can {
        session
            .execute("SET LOCAL session_replication_role = replica")
            .await?;
    }
    for sql in statements {
        session.execute(sql).await?;
    }
    if can {
        session
            .execute("SET LOCAL session_replication_role = origin")
            .await?;
    }
    Ok(())
}
