//! What some SQL makes, as a snapshot has it.

use segue::schema::{Kind, Snapshot, Value};

use crate::support::{
    TestDatabase, assert_same_snapshot, assert_text, of_version, pretty, snapshot_with_roles,
};

/// A fresh database, and what was in it.
pub struct Made {
    pub database: TestDatabase<'static>,
    before: Snapshot,
    reader: String,
}

impl Made {
    /// With what `sql` makes; see [`Made::run`].
    #[track_caller]
    pub fn by(sql: &str) -> Self {
        let database = TestDatabase::new();
        let made = Self {
            before: of_test(&database, snapshot_with_roles(&database.url())),
            reader: database.role("reader", "LOGIN"),
            database,
        };
        made.run(sql);
        made
    }

    /// Runs more. `:reader` is a role, `:database` the database's name; lines
    /// may be for some versions only, see [`of_version`].
    #[track_caller]
    pub fn run(&self, sql: &str) {
        let sql = of_version(sql, &self.database);
        let sql = sql.replace(":reader", &self.reader);
        let session = self.database.session();
        let sql = sql.replace(":database", self.database.name());
        // What refuses a transaction stands behind an empty line by itself.
        for message in sql.split("\n\n") {
            session.run(message);
        }
    }

    /// What is there now, as a superuser sees it and, equal, as somebody does
    /// who may only connect.
    #[track_caller]
    pub fn snapshot(&self) -> Snapshot {
        let all = snapshot_with_roles(&self.database.url());
        let seen = snapshot_with_roles(&self.database.url_as(&self.reader));
        let all = of_test(&self.database, all);
        let seen = of_test(&self.database, seen);
        assert_same_snapshot("what an ordinary role sees", &seen, &all);
        all
    }

    /// Compares the objects that were not there before, or otherwise, as JSON:
    /// `{"function public.f(integer)": {…}, …}`. The superuser as owner is left
    /// out, and relations; the roles of the test are named without the database
    /// in front.
    /// Lines may be for some versions only, as in the SQL.
    #[track_caller]
    pub fn check(&self, expected: &str) {
        let mut made = self.snapshot();
        made.objects
            .retain(|id, attributes| self.before.objects.get(id) != Some(attributes));
        // Relations have tests of their own, and the role itself is no part.
        made.objects.retain(|id, attributes| match id.kind {
            Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence => false,
            Kind::Role => id.name != self.reader || attributes.len() > 1,
            _ => true,
        });
        for attributes in made.objects.values_mut() {
            if attributes
                .get("owner")
                .is_some_and(|owner| owner == "postgres")
            {
                attributes.remove("owner");
            }
        }
        let actual = pretty(&made).replace(&format!("{}_", self.database.name()), "");
        let expected = of_version(expected, &self.database);
        assert_text("what was made", &sorted(&actual), &sorted(&expected));
    }
}

/// Names that were replaced may sort otherwise.
pub fn sorted(json: &str) -> String {
    let value: Value = serde_json::from_str(json).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

/// Without the roles that other tests make and drop meanwhile.
pub fn of_test(database: &TestDatabase<'_>, mut snapshot: Snapshot) -> Snapshot {
    let own = format!("{}_", database.name());
    snapshot
        .objects
        .retain(|id, _| id.kind != Kind::Role || id.name.starts_with(&own));
    snapshot
}

/// Runs `sql` in a fresh database and compares what it makes; see [`Made`].
#[track_caller]
pub fn check(sql: &str, expected: &str) {
    Made::by(sql).check(expected);
}
