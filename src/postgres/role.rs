//! Roles that a history takes for granted, on a server of segue's own.
//!
//! Roles belong to the server, so a history of one database names many that it
//! never makes. Only the server knows which ones are missing, since a `DO`
//! block may name them too: so its error says it.

use super::{Error, Failure, Session, ident};

/// The role whose lack is what an error says, as its name is, unquoted.
///
/// The one place where a message counts: no field of the error has the name,
/// and a throwaway server speaks English. Elsewhere this gives `None` at worst.
#[must_use]
pub fn missing<'a>(sqlstate: &str, message: &'a str) -> Option<&'a str> {
    // undefined_object; invalid_parameter_value by SET ROLE.
    if !matches!(sqlstate, "42704" | "22023") {
        return None;
    }
    message
        .strip_prefix("role \"")?
        .strip_suffix("\" does not exist")
}

/// Makes a role that nobody can log in as; one that is there already is left
/// as it is.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn create(session: &Session, name: &str) -> Result<(), Error> {
    let sql = format!("CREATE ROLE {} NOLOGIN", ident(name));
    match session.execute(&sql).await {
        Err(error) if error.failure() == Failure::Duplicate => Ok(()),
        done => done,
    }
}

/// What the databases of the server share and a migration can change, one line
/// per fact, sorted. A role that was made by [`create`] is `role app f t f f f
/// f f`.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn shared(session: &Session) -> Result<Vec<String>, Error> {
    let rows = session.query(include_str!("role/shared.sql")).await?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

/// Whether a line is one of [`shared`].
#[must_use]
pub fn is_shared(fact: &str) -> bool {
    let (kind, _) = fact.split_once(' ').unwrap_or_default();
    matches!(kind, "role" | "member" | "setting" | "tablespace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_role_is_found_in_the_servers_words() {
        let of = |message| missing("42704", message);
        assert_eq!(of("role \"app\" does not exist"), Some("app"));
        assert_eq!(of("role \"a \"b\" does not exist"), Some("a \"b"));
        assert_eq!(of("type \"app\" does not exist"), None);
        assert_eq!(missing("22023", "role \"x\" does not exist"), Some("x"));
        assert_eq!(missing("42501", "role \"x\" does not exist"), None);
    }
}
