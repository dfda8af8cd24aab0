//! Members that work on one table by different names, which only the database
//! knows.

use segue::apply::{Event, Outcome, Settings, Until};

use super::{concurrent, finish, jobs, left};
use crate::support::{Project, TestDatabase, Up, settings};

const TABLES: &str = "
    CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
    CREATE TABLE p11 PARTITION OF p1 DEFAULT;
    CREATE TABLE p2 PARTITION OF p DEFAULT;
    CREATE INDEX p_b ON p (b);
    CREATE TABLE mother (a int); CREATE TABLE child () INHERITS (mother);
    CREATE TABLE t (a int PRIMARY KEY, b text);
    CREATE INDEX t_b ON t (b); CREATE INDEX t_b2 ON t (b);
    CREATE TABLE u (a int);
    ALTER TABLE u ADD CONSTRAINT u_t FOREIGN KEY (a) REFERENCES t NOT VALID;
    CREATE VIEW v AS SELECT * FROM t;
    CREATE MATERIALIZED VIEW m AS SELECT * FROM v;
    CREATE SCHEMA s; CREATE TABLE s.x (a int); CREATE INDEX x_a ON s.x (a);
    CREATE TABLE x (a int);
    INSERT INTO t VALUES (1, 'one'); INSERT INTO p VALUES (1, 1), (11, 1);";

/// What each of these comes after, in a plan of the two.
#[test]
fn the_plan_puts_them_one_after_the_other() {
    let database = TestDatabase::new();
    let project = Project::new();
    project.write("migrations/1-tables.sql", TABLES);
    let mut up = Up::start(&project, &database.url(), settings());
    assert_eq!(up.wait().expect("tables"), Outcome::Settled);
    let build = |table: &str| format!("CREATE INDEX CONCURRENTLY new_{table} ON {table} (a)");
    let toast =
        database.query("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 't'::regclass");
    for (one, other, expected) in [
        // Partitions and children, however deep.
        (build("p"), build("p2"), true),
        (build("p11"), build("p"), true),
        (build("p11"), build("p1"), true),
        (build("p11"), build("p2"), false),
        (build("mother"), build("child"), true),
        // Indexes.
        (build("t"), "DROP INDEX CONCURRENTLY t_b".to_owned(), true),
        (
            build("t"),
            "REINDEX INDEX CONCURRENTLY public.t_b".to_owned(),
            true,
        ),
        (
            "DROP INDEX CONCURRENTLY t_b2".to_owned(),
            "REINDEX INDEX CONCURRENTLY t_b".to_owned(),
            true,
        ),
        (build("u"), "DROP INDEX CONCURRENTLY t_b".to_owned(), false),
        (
            build("p11"),
            "REINDEX INDEX CONCURRENTLY p_b".to_owned(),
            true,
        ),
        (
            build("p11"),
            "REINDEX INDEX CONCURRENTLY p11_b_idx".to_owned(),
            true,
        ),
        (
            build("p2"),
            "REINDEX INDEX CONCURRENTLY p11_b_idx".to_owned(),
            false,
        ),
        (
            build("t"),
            format!("REINDEX TABLE CONCURRENTLY {toast}"),
            true,
        ),
        (
            build("u"),
            format!("REINDEX TABLE CONCURRENTLY {toast}"),
            false,
        ),
        // What a view reads.
        (build("t"), "REFRESH MATERIALIZED VIEW m".to_owned(), true),
        (build("u"), "REFRESH MATERIALIZED VIEW m".to_owned(), false),
        // The other table of a foreign key.
        (
            "ALTER TABLE u VALIDATE CONSTRAINT u_t".to_owned(),
            build("t"),
            true,
        ),
        (
            "ALTER TABLE u VALIDATE CONSTRAINT u_t".to_owned(),
            build("x"),
            false,
        ),
        // Names are looked up where the file looks for them.
        (
            build("x"),
            "REINDEX INDEX CONCURRENTLY s.x_a".to_owned(),
            false,
        ),
        (
            build("s.x").replace("new_s.x", "new_x"),
            "REINDEX INDEX CONCURRENTLY s.x_a".to_owned(),
            true,
        ),
        (
            build("s.x").replace("new_s.x", "new_x"),
            "SET search_path = s;\nREINDEX INDEX CONCURRENTLY x_a".to_owned(),
            true,
        ),
        (
            build("s.x").replace("new_s.x", "new_x"),
            "REINDEX INDEX CONCURRENTLY x_a".to_owned(),
            false,
        ),
    ] {
        project
            .write("migrations/2-one.sql", concurrent(&format!("{one};")))
            .write("migrations/3-other.sql", concurrent(&format!("{other};")));
        let up = Settings {
            until: Until::Ready,
            ..settings()
        };
        let mut up = Up::start(&project, &database.url(), up);
        let after = up.wait_for("a plan", |event| match event {
            Event::Planned(plan) => plan.tail.get(1).map(|step| step.after.len() == 1),
            _ => None,
        });
        up.wait().expect("ready");
        assert_eq!(after, expected, "{one} / {other}");
    }
}

#[test]
fn what_the_batch_has_made_is_known_when_the_tail_begins() {
    let database = TestDatabase::new();
    let project = Project::new();
    project
        .write("migrations/1-tables.sql", TABLES)
        .write(
            "migrations/2-whole.sql",
            concurrent("CREATE INDEX CONCURRENTLY new_p ON p (a, b);"),
        )
        .write(
            "migrations/3-part.sql",
            concurrent("CREATE INDEX CONCURRENTLY new_p2 ON p2 (b, a);"),
        )
        .write(
            "migrations/4-drop.sql",
            concurrent("DROP INDEX CONCURRENTLY new_p2;"),
        )
        .write(
            "migrations/5-other.sql",
            concurrent("REINDEX INDEX CONCURRENTLY t_b;"),
        );
    let mut up = Up::start(&project, &database.url(), jobs(2));
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    let course = up.course();
    let order: Vec<&str> = course
        .split(' ')
        .filter(|word| !word.contains("5-other"))
        .collect();
    assert_eq!(
        order.join(" "),
        "+2-whole.sql -2-whole.sql +3-part.sql -3-part.sql +4-drop.sql -4-drop.sql"
    );
    finish(&project, &database);
    assert_eq!(
        left(&database),
        "2-whole.sql applied\n3-part.sql applied\n4-drop.sql applied\n5-other.sql applied"
    );
}
