//! How far transactions with migrations in them are isolated from others.

/// A level of the SQL standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// As `ReadCommitted`, in PostgreSQL.
    ReadUncommitted,
    /// Each statement sees what is committed when it begins.
    ReadCommitted,
    /// All statements see the same.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

impl Isolation {
    /// The levels with the words that PostgreSQL has for them.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("read uncommitted", Self::ReadUncommitted),
        ("read committed", Self::ReadCommitted),
        ("repeatable read", Self::RepeatableRead),
        ("serializable", Self::Serializable),
    ];

    /// The level that PostgreSQL calls so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, level)| *level)
    }

    /// The statement that begins a transaction for migrations: the database's
    /// own level if none is given, and never read-only, whatever the database
    /// is set to.
    #[must_use]
    pub fn begin(level: Option<Self>) -> String {
        let name = Self::NAMES
            .iter()
            .find(|(_, known)| Some(*known) == level)
            .map(|(name, _)| name.to_uppercase());
        match name {
            Some(name) => format!("BEGIN ISOLATION LEVEL {name} READ WRITE"),
            None => "BEGIN READ WRITE".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_begin_with_their_level() {
        assert_eq!(Isolation::begin(None), "BEGIN READ WRITE");
        assert_eq!(
            Isolation::begin(Isolation::named("repeatable read")),
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE"
        );
        assert_eq!(Isolation::named("SERIALIZABLE"), None);
    }
}
