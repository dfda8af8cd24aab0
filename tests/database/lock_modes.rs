//! What `statement::locks` says of a statement, against what a server does.

use std::collections::BTreeMap;

use segue::statement::{LockMode, Locks, locks};

use crate::support::{TestDatabase, TestSession};

const SCHEMA: &str = "
    CREATE TABLE a (id int PRIMARY KEY, x int, t text);
    CREATE INDEX a_x ON a (x);
    CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a, y int);
    ALTER TABLE b ADD CONSTRAINT later CHECK (y > 0) NOT VALID;
    CREATE TABLE c (id int PRIMARY KEY);
    CREATE TABLE p (id int, day date) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE q (id int, day date);
    CREATE TABLE parent (id int);
    CREATE TABLE child (id int);
    CREATE VIEW v AS SELECT id FROM a;
    CREATE MATERIALIZED VIEW m AS SELECT id FROM a;
    CREATE UNIQUE INDEX m_id ON m (id);
    CREATE SEQUENCE s;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER tg BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();
    CREATE POLICY pol ON a;
";

/// Statements, and what they lock as strongly as the rest that the text does
/// not tell.
const STATEMENTS: &[(&str, &str)] = &[
    ("ALTER TABLE a ADD COLUMN n int", ""),
    (
        "ALTER TABLE a ADD COLUMN n int DEFAULT random()",
        "a_pkey a_x",
    ),
    ("ALTER TABLE a ALTER x TYPE bigint", "a_pkey a_x"),
    ("ALTER TABLE a ALTER x SET NOT NULL", ""),
    ("ALTER TABLE a ALTER x SET STATISTICS 100", ""),
    ("ALTER TABLE a ALTER x SET DEFAULT 1", ""),
    ("ALTER TABLE a ALTER x SET (n_distinct = 5)", ""),
    ("ALTER TABLE a ALTER t SET STORAGE EXTERNAL", ""),
    ("ALTER TABLE a SET (fillfactor = 80)", ""),
    (
        "ALTER TABLE a SET (autovacuum_enabled = off), ALTER x SET DEFAULT 1",
        "",
    ),
    ("ALTER TABLE a SET (user_catalog_table = true)", ""),
    ("ALTER TABLE a CLUSTER ON a_x", ""),
    ("ALTER TABLE a DROP COLUMN t", ""),
    ("ALTER TABLE a ADD CHECK (x > 0) NOT VALID", ""),
    ("ALTER TABLE a ADD UNIQUE (t)", ""),
    ("ALTER TABLE a DISABLE TRIGGER tg", ""),
    ("ALTER TABLE a ENABLE ROW LEVEL SECURITY", ""),
    ("ALTER TABLE a RENAME COLUMN x TO z", ""),
    ("ALTER TABLE a RENAME TO z", ""),
    ("ALTER TABLE b VALIDATE CONSTRAINT later", ""),
    (
        "ALTER TABLE b ADD FOREIGN KEY (y) REFERENCES c NOT VALID",
        "",
    ),
    ("ALTER TABLE b ADD COLUMN c_id int REFERENCES c", ""),
    ("ALTER TABLE b DROP CONSTRAINT b_a_id_fkey", "a"),
    (
        "ALTER TABLE p ATTACH PARTITION q FOR VALUES FROM (10) TO (20)",
        "",
    ),
    ("ALTER TABLE p DETACH PARTITION p1", ""),
    ("ALTER TABLE child INHERIT parent", ""),
    ("ALTER INDEX a_x RENAME TO a_y", ""),
    ("ALTER INDEX a_x SET (fillfactor = 80)", ""),
    ("ALTER VIEW v SET (security_barrier = true)", ""),
    ("ALTER VIEW v RENAME TO w", ""),
    ("DROP TABLE c", "c_pkey"),
    ("DROP TABLE b", "a b_pkey"),
    ("DROP INDEX a_x", "a"),
    ("DROP VIEW v", ""),
    ("DROP TRIGGER tg ON a", ""),
    ("DROP POLICY pol ON a", ""),
    ("TRUNCATE c, q", "c_pkey"),
    ("LOCK TABLE a IN SHARE MODE", ""),
    ("LOCK TABLE a, c", ""),
    ("LOCK TABLE a IN ROW EXCLUSIVE MODE", ""),
    ("CREATE INDEX ON a (t)", ""),
    ("CREATE INDEX ON ONLY p (id)", ""),
    ("REINDEX TABLE a", "a_pkey a_x"),
    ("REINDEX INDEX a_x", ""),
    ("CLUSTER c USING c_pkey", "c_pkey"),
    ("REFRESH MATERIALIZED VIEW m", "m_id"),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", ""),
    ("ANALYZE a", ""),
    (
        "CREATE TRIGGER other AFTER UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()",
        "",
    ),
    ("CREATE RULE r AS ON INSERT TO c DO INSTEAD NOTHING", ""),
    ("CREATE POLICY other ON a", ""),
    ("ALTER POLICY pol ON a USING (true)", ""),
    ("CREATE STATISTICS st ON id, x FROM a", ""),
    ("COMMENT ON TABLE a IS 'a'", ""),
    ("COMMENT ON COLUMN a.x IS 'x'", ""),
    ("COMMENT ON INDEX a_x IS 'x'", ""),
    ("COMMENT ON TRIGGER tg ON a IS 'x'", ""),
    ("CREATE TABLE n (id int REFERENCES a)", ""),
    ("CREATE TABLE n (id int, FOREIGN KEY (id) REFERENCES a)", ""),
    ("CREATE TABLE n () INHERITS (parent)", ""),
    (
        "CREATE TABLE n PARTITION OF p FOR VALUES FROM (20) TO (30)",
        "",
    ),
    ("CREATE TABLE n (LIKE a)", ""),
    ("CREATE TABLE n AS SELECT * FROM a", ""),
    ("CREATE VIEW n AS SELECT * FROM a", ""),
    ("INSERT INTO c SELECT id FROM a", ""),
    ("UPDATE a SET x = 1 FROM b WHERE b.id = a.id", ""),
    ("DELETE FROM b USING a WHERE b.a_id = a.id", ""),
    (
        "WITH gone AS (DELETE FROM b RETURNING id) SELECT * FROM gone JOIN a USING (id)",
        "",
    ),
    ("SELECT * FROM a", ""),
    ("SELECT * FROM a FOR UPDATE", ""),
    ("GRANT SELECT ON a TO PUBLIC", ""),
    ("ALTER TABLE public.a ALTER COLUMN x DROP DEFAULT", ""),
];

/// What the session holds on relations that were there before, the strongest
/// of each.
fn held(watcher: &TestSession, pid: i32, before: &[String]) -> BTreeMap<String, LockMode> {
    let rows = watcher.query(&format!(
        "SELECT relation::regclass, mode FROM pg_locks
          WHERE pid = {pid} AND locktype = 'relation' AND granted ORDER BY 1, 2"
    ));
    let mut held = BTreeMap::new();
    for row in rows.lines() {
        let (name, mode) = row.split_once('|').expect("two columns");
        if let (true, Some(mode)) = (
            before.iter().any(|known| known == name),
            LockMode::of_pg_locks(mode),
        ) {
            let strongest = held.entry(name.to_owned()).or_insert(mode);
            *strongest = (*strongest).max(mode);
        }
    }
    held
}

#[test]
fn a_server_locks_what_the_text_tells() {
    let database = TestDatabase::new();
    database.run(SCHEMA);
    let watcher = database.session();
    let before = watcher
        .query("SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    let before: Vec<String> = before.lines().map(str::to_owned).collect();
    let mut wrong = Vec::new();
    for (sql, untold) in STATEMENTS {
        let session = database.session();
        session.run("BEGIN");
        session.run(sql);
        let held = held(&watcher, session.pid(), &before);
        session.run("ROLLBACK");
        let Some(Some(Locks(told))) = locks(&[sql]).pop() else {
            panic!("{sql}: not parsed");
        };
        let told: BTreeMap<String, LockMode> = told
            .into_iter()
            .map(|(relation, mode)| (relation.name, mode))
            .collect();
        for (name, mode) in &told {
            if held.get(name) != Some(mode) {
                wrong.push(format!(
                    "{sql}: {name} told {mode}, held {:?}",
                    held.get(name)
                ));
            }
        }
        let strong: Vec<&str> = held
            .iter()
            .filter(|(name, mode)| mode.is_strong() && !told.contains_key(*name))
            .map(|(name, _)| name.as_str())
            .collect();
        if strong.join(" ") != *untold {
            wrong.push(format!("{sql}: not told {strong:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
