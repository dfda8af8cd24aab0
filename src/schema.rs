//! A database's whole schema as a value: [`Snapshot`].
//!
//! Reading it from the catalogs is left to [`crate::postgres::introspect`],
//! keeping it on disk to [`crate::files`], comparing two of them to [`diff`].

use std::collections::BTreeMap;
use std::fmt;

pub use serde_json::{Map, Value};

pub mod diff;
pub mod name;
pub mod rules;

pub use diff::{Change, Conflict, Diff};
pub use rules::Rules;

/// What an object is made of: attributes in PostgreSQL's own words, and maps
/// of named parts (`columns`, `constraints`, `indexes` …).
///
/// No value in it is `null`, at any depth: what is not there has no key. Levels
/// take turns: an object has attributes, a map among them is a collection of
/// named parts, a part has attributes again, and so on. A collection is never
/// empty ([`Snapshot::normalise`]), so that whoever adds the first part and who
/// adds the second one do not differ; an object or a part without attributes is
/// an empty map.
pub type Attributes = Map<String, Value>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $word:literal,)*) => {
        /// What an object is. The order is the one in which people want to see
        /// them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            /// All kinds, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// One word, as in diffs and folder names: `materialized-view`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// Settings and properties of the database itself (`ALTER DATABASE`), named
    /// `current`.
    Database "database",
    /// Roles: opt-in.
    Role "role",
    /// `pg_namespace`, called schema by PostgreSQL.
    Namespace "namespace",
    /// With its version.
    Extension "extension",
    /// Ordinary and partitioned tables and partitions, with their columns,
    /// constraints, indexes, triggers, rules and policies.
    Table "table",
    /// With its columns, triggers and rules.
    View "view",
    /// With its columns and indexes.
    MaterializedView "materialized-view",
    /// As a table.
    ForeignTable "foreign-table",
    /// Also those of identity and serial columns.
    Sequence "sequence",
    /// Named with the types of its arguments: `f(integer, text)`.
    Function "function",
    /// Named as a function.
    Procedure "procedure",
    /// Named as a function.
    Aggregate "aggregate",
    /// `CREATE TYPE … AS ENUM`
    Enum "enum",
    /// With its constraints.
    Domain "domain",
    /// `CREATE TYPE … AS (…)`, with its columns.
    CompositeType "composite-type",
    /// `CREATE TYPE … AS RANGE`, with its multirange.
    Range "range",
    /// `CREATE TYPE … (INPUT = …)`, and shells.
    BaseType "base-type",
    /// `CREATE STATISTICS`
    Statistics "statistics",
    /// Named with its operands: `+(integer, integer)`.
    Operator "operator",
    /// Named with its access method: `btree name`.
    OperatorClass "operator-class",
    /// Named with its access method, with operators and support functions.
    OperatorFamily "operator-family",
    /// Named `source AS target`.
    Cast "cast",
    /// `CREATE COLLATION`
    Collation "collation",
    /// `CREATE CONVERSION`
    Conversion "conversion",
    /// With its mappings.
    TextSearchConfiguration "text-search-configuration",
    /// With its options.
    TextSearchDictionary "text-search-dictionary",
    /// `CREATE TEXT SEARCH PARSER`
    TextSearchParser "text-search-parser",
    /// `CREATE TEXT SEARCH TEMPLATE`
    TextSearchTemplate "text-search-template",
    /// `CREATE ACCESS METHOD`
    AccessMethod "access-method",
    /// `CREATE LANGUAGE`
    Language "language",
    /// Named `FOR type LANGUAGE language`.
    Transform "transform",
    /// `CREATE EVENT TRIGGER`
    EventTrigger "event-trigger",
    /// With its tables and namespaces.
    Publication "publication",
    /// Without its connection.
    Subscription "subscription",
    /// `CREATE FOREIGN DATA WRAPPER`
    ForeignDataWrapper "foreign-data-wrapper",
    /// `CREATE SERVER`
    ForeignServer "foreign-server",
    /// Named `role ON server`; without options.
    UserMapping "user-mapping",
    /// `ALTER DEFAULT PRIVILEGES`, named by the role that makes the objects and
    /// what they are: `owner ON TABLES`.
    DefaultPrivileges "default-privileges",
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.as_str().replace('-', " "))
    }
}

impl std::str::FromStr for Kind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let kinds = Self::ALL.iter();
        kinds.copied().find(|kind| kind.as_str() == word).ok_or(())
    }
}

/// Identity of an object within a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// The namespace that it is in; `None` for what stands in the database
    /// itself, extensions for example.
    pub namespace: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Its name as it is, unquoted; with types of arguments where the name
    /// alone is not unique.
    pub name: String,
}

/// All objects of a database, of one major version of PostgreSQL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Sorted by identity.
    pub objects: BTreeMap<ObjectId, Attributes>,
}

impl Snapshot {
    /// Leaves out collections without parts, see [`Attributes`]; for whoever
    /// makes a snapshot or takes something out of one.
    pub fn normalise(&mut self) {
        for attributes in self.objects.values_mut() {
            Level::Entity.prune(attributes);
        }
    }
}

/// What a map in an object stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// The object itself, or a part: there without attributes, too.
    Entity,
    /// Named parts: not there without any.
    Collection,
}

impl Level {
    /// Of what a path of so many keys leads to.
    const fn at(depth: usize) -> Self {
        if depth.is_multiple_of(2) {
            Self::Entity
        } else {
            Self::Collection
        }
    }

    /// Of the maps in a map of this level.
    const fn below(self) -> Self {
        match self {
            Self::Entity => Self::Collection,
            Self::Collection => Self::Entity,
        }
    }

    /// Leaves out collections without parts below `map`, which is of this
    /// level.
    fn prune(self, map: &mut Map<String, Value>) {
        let below = self.below();
        map.retain(|_, value| match value {
            Value::Object(map) => {
                below.prune(map);
                below == Self::Entity || !map.is_empty()
            }
            _ => true,
        });
    }
}
