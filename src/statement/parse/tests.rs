use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::statement::RelationName;

/// Kind, `!` if it refuses a transaction block, then the names.
#[track_caller]
fn check(sql: &str, expected: &str) {
    let shown = digest(sql).map_or_else(
        || "unknown".to_owned(),
        |digest| {
            let refuses = if digest.refuses_transaction_block() {
                "!"
            } else {
                ""
            };
            let mut shown = format!("{:?}{refuses}", Shown(&digest));
            let names = [
                ("touches", &digest.touches),
                ("makes", &digest.makes),
                ("drops", &digest.drops),
            ];
            for (what, names) in names {
                if !names.is_empty() {
                    write!(shown, "; {what} {}", list(names)).expect("to a string");
                }
            }
            shown
        },
    );
    assert_eq!(shown, expected, "{sql}");
}

fn list(names: &BTreeSet<RelationName>) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(" ")
}

/// The kind on one line, names as people see them.
struct Shown<'a>(&'a Digest);

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = format!("{:?}", self.0.kind);
        for name in &self.0.touches {
            shown = shown.replace(&format!("{name:?}"), &name.to_string());
        }
        f.write_str(&shown)
    }
}

#[test]
fn indexes_are_known() {
    check(
        "CREATE INDEX CONCURRENTLY i ON a.t (b)",
        "CreateIndexConcurrently { index: Some(\"i\"), table: a.t, only: false, unique: false, if_not_exists: false, snapshot_holder: false }!; touches a.i a.t; makes a.i",
    );
    check(
        "create unique index concurrently if not exists i on only t ((b + 1)) where c",
        "CreateIndexConcurrently { index: Some(\"i\"), table: t, only: true, unique: true, if_not_exists: true, snapshot_holder: true }!; touches i t; makes i",
    );
    check(
        "CREATE INDEX CONCURRENTLY ON \"T x\" (b)",
        "CreateIndexConcurrently { index: None, table: T x, only: false, unique: false, if_not_exists: false, snapshot_holder: false }!; touches T x",
    );
    check("CREATE INDEX i ON t (b)", "Other; touches i t; makes i");
    check(
        "DROP INDEX CONCURRENTLY IF EXISTS a.i",
        "DropIndexConcurrently { indexes: [a.i], if_exists: true }!; touches a.i; drops a.i",
    );
    check("DROP INDEX a.i, j", "Other; touches j a.i; drops j a.i");
    check(
        "REINDEX INDEX CONCURRENTLY i",
        "Reindex { target: Index(i), concurrently: true }!; touches i",
    );
    check(
        "REINDEX (CONCURRENTLY off) TABLE t",
        "Reindex { target: Table(t), concurrently: false }; touches t",
    );
    check(
        "REINDEX SCHEMA s",
        "Reindex { target: Namespace(\"s\"), concurrently: false }!",
    );
    check(
        "REINDEX DATABASE d",
        "Reindex { target: Database, concurrently: false }!",
    );
}

#[test]
fn maintenance_is_known() {
    check(
        "VACUUM",
        "Vacuum { relations: [], full: false, analyze: false }!",
    );
    check(
        "VACUUM (FULL, ANALYZE false) a, b.c (d)",
        "Vacuum { relations: [a, b.c], full: true, analyze: false }!; touches a b.c",
    );
    check(
        "VACUUM FULL ANALYZE a",
        "Vacuum { relations: [a], full: true, analyze: true }!; touches a",
    );
    check("ANALYZE a", "Analyze { relations: [a] }; touches a");
    check("CLUSTER", "Cluster { relation: None }!");
    check(
        "CLUSTER a USING i",
        "Cluster { relation: Some(a) }; touches a",
    );
    check(
        "REFRESH MATERIALIZED VIEW CONCURRENTLY a",
        "RefreshMaterializedView { relation: a, concurrently: true }; touches a",
    );
    check(
        "ALTER TABLE a DETACH PARTITION b.c CONCURRENTLY",
        "DetachPartitionConcurrently { parent: a, partition: b.c, finalize: false }!; touches a b.c",
    );
    check(
        "ALTER TABLE a DETACH PARTITION b FINALIZE",
        "DetachPartitionConcurrently { parent: a, partition: b, finalize: true }; touches a b",
    );
    check("ALTER TABLE a DETACH PARTITION b", "Other; touches a b");
    check(
        "ALTER TABLE a VALIDATE CONSTRAINT c",
        "ValidateConstraint { table: a, constraint: \"c\" }; touches a",
    );
    check(
        "ALTER TABLE a VALIDATE CONSTRAINT c, ADD d int",
        "Other; touches a",
    );
}

#[test]
fn what_concerns_the_cluster_is_known() {
    check("CREATE DATABASE d", "CreateDatabase { name: \"d\" }!");
    check(
        "DROP DATABASE IF EXISTS d",
        "DropDatabase { name: \"d\", if_exists: true }!",
    );
    check(
        "ALTER DATABASE d SET TABLESPACE s",
        "AlterDatabaseTablespace { name: \"d\", tablespace: \"s\" }!",
    );
    check("ALTER DATABASE d SET a = 1", "Other");
    check(
        "CREATE TABLESPACE s LOCATION '/x'",
        "CreateTablespace { name: \"s\" }!",
    );
    check(
        "DROP TABLESPACE s",
        "DropTablespace { name: \"s\", if_exists: false }!",
    );
    check(
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "CreateSubscription { name: \"s\", creates_slot: true }!",
    );
    check(
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)",
        "CreateSubscription { name: \"s\", creates_slot: false }",
    );
    check(
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (create_slot = off)",
        "CreateSubscription { name: \"s\", creates_slot: false }",
    );
    check(
        "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
        "AlterSubscription { name: \"s\", refreshes: true }!",
    );
    check(
        "ALTER SUBSCRIPTION s ADD PUBLICATION p WITH (refresh = false)",
        "AlterSubscription { name: \"s\", refreshes: false }",
    );
    check(
        "ALTER SUBSCRIPTION s DISABLE",
        "AlterSubscription { name: \"s\", refreshes: false }",
    );
    check(
        "DROP SUBSCRIPTION s",
        "DropSubscription { name: \"s\", if_exists: false }",
    );
    check(
        "ALTER SYSTEM SET a = 1",
        "AlterSystem { setting: Some(\"a\") }!",
    );
    check("ALTER SYSTEM RESET ALL", "AlterSystem { setting: None }!");
}

#[test]
fn what_concerns_the_session_is_known() {
    check("BEGIN", "Transaction(Begin)");
    check("ROLLBACK TO a", "Transaction(RollbackTo)");
    check("COMMIT PREPARED 'a'", "Transaction(CommitPrepared)!");
    check(
        "SET a.b = 1",
        "Set { setting: Some(\"a.b\"), local: false }",
    );
    check(
        "SET LOCAL ROLE r",
        "Set { setting: Some(\"role\"), local: true }",
    );
    check(
        "SET TRANSACTION READ ONLY",
        "Set { setting: Some(\"TRANSACTION\"), local: true }",
    );
    check("RESET ALL", "Set { setting: None, local: false }");
    check(
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "Set { setting: Some(\"search_path\"), local: false }",
    );
    check(
        "SELECT set_config('a', 'b', true), set_config('c', 'd', true)",
        "Set { setting: None, local: true }",
    );
    check("SELECT set_config('a', 'b', true), 1", "Other");
    check("SELECT set_config('a', b, true) FROM c", "Other; touches c");
    check("DISCARD ALL", "Discard { all: true }!");
    check("DISCARD TEMP", "Discard { all: false }");
    check(
        "CALL a.b(1)",
        "Call { routine: RelationName { namespace: Some(\"a\"), name: \"b\" } }",
    );
    check("DO $$BEGIN END$$", "Do");
    check(
        "COPY a.t (b) FROM STDIN",
        "Copy { relation: Some(a.t), from_stdin: true }; touches a.t",
    );
    check(
        "COPY (SELECT 1 FROM t) TO STDOUT",
        "Copy { relation: None, from_stdin: false }; touches t",
    );
    check(
        "COPY t FROM PROGRAM 'x'",
        "Copy { relation: Some(t), from_stdin: false }; touches t",
    );
    check(
        "ALTER TYPE a.b ADD VALUE IF NOT EXISTS 'c' BEFORE 'd'",
        "AlterTypeAddValue { type_name: RelationName { namespace: Some(\"a\"), name: \"b\" }, value: \"c\", if_not_exists: true }",
    );
    check("ALTER TYPE a RENAME VALUE 'b' TO 'c'", "Other");
}

#[test]
fn what_is_made_and_dropped_is_named() {
    check(
        "CREATE TABLE a.t (b int CONSTRAINT k PRIMARY KEY REFERENCES c, CONSTRAINT u UNIQUE (b)) INHERITS (d)",
        "Other; touches c d a.k a.t a.u; makes a.k a.t a.u",
    );
    check(
        "CREATE TABLE t AS SELECT * FROM u",
        "Other; touches t u; makes t",
    );
    check("SELECT 1 INTO t FROM u", "Other; touches t u; makes t");
    check(
        "CREATE MATERIALIZED VIEW v AS SELECT FROM u",
        "Other; touches u v; makes v",
    );
    check("CREATE VIEW v AS SELECT 1", "Other; touches v; makes v");
    check(
        "CREATE SEQUENCE s OWNED BY a.t.c",
        "Other; touches s a.t; makes s",
    );
    check("ALTER SEQUENCE s OWNED BY NONE", "Other; touches s");
    check(
        "CREATE SCHEMA s CREATE TABLE t (a int)",
        "Other; touches t; makes t",
    );
    check("CREATE TYPE a.e AS ENUM ('x')", "Other; makes a.e");
    check("CREATE TYPE c AS (a int)", "Other; touches c; makes c");
    check("CREATE TYPE r AS RANGE (subtype = int)", "Other; makes r");
    check("CREATE DOMAIN d AS int", "Other; makes d");
    check(
        "CREATE FUNCTION a.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT b FROM t; END",
        "Other; touches t; makes a.f",
    );
    check(
        "CREATE AGGREGATE g (int) (sfunc = f, stype = int)",
        "Other; makes g",
    );
    check(
        "CREATE FOREIGN TABLE t (a int) SERVER s",
        "Other; touches t; makes t",
    );
    check(
        "ALTER TABLE a.t ADD CONSTRAINT u UNIQUE USING INDEX i",
        "Other; touches a.i a.t a.u; makes a.u; drops a.i",
    );
    check(
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u NOT VALID",
        "Other; touches t u",
    );
    check(
        "ALTER INDEX a.i RENAME TO j",
        "Other; touches a.i a.j; makes a.j; drops a.i",
    );
    check("ALTER TABLE t RENAME a TO b", "Other; touches t");
    check(
        "ALTER TABLE t RENAME CONSTRAINT a TO b",
        "Other; touches a b t; makes b; drops a",
    );
    check("ALTER TYPE t RENAME TO u", "Other; makes u; drops t");
    check(
        "ALTER FUNCTION f(int) RENAME TO g",
        "Other; makes g; drops f",
    );
    check(
        "ALTER TABLE t SET SCHEMA s",
        "Other; touches t s.t; makes s.t; drops t",
    );
    check(
        "ALTER FUNCTION a.f SET SCHEMA s",
        "Other; makes s.f; drops a.f",
    );
    check("DROP TABLE a, b.c", "Other; touches a b.c; drops a b.c");
    check("DROP FUNCTION f(int)", "Other; drops f");
    check("DROP TYPE a.t", "Other; drops a.t");
    check("DROP TRIGGER g ON a.t", "Other; touches a.t");
    check("DROP SCHEMA s", "Other");
}

#[test]
fn what_is_touched_is_named() {
    check("COMMENT ON COLUMN a.t.c IS 'x'", "Other; touches a.t");
    check("COMMENT ON INDEX i IS 'x'", "Other; touches i");
    check("COMMENT ON CONSTRAINT c ON t IS 'x'", "Other; touches t");
    check(
        "UPDATE t SET a = (SELECT 1 FROM u) FROM v WHERE EXISTS (SELECT FROM w)",
        "Other; touches t u v w",
    );
    check("LOCK TABLE a, b", "Other; touches a b");
    check("GRANT SELECT ON a TO b", "Other; touches a");
    check(
        "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()",
        "Other; touches t",
    );
    check(
        "ALTER TABLE p ATTACH PARTITION q DEFAULT",
        "Other; touches p q",
    );
    check("ALTER INDEX i ATTACH PARTITION j", "Other; touches i j");
}

#[test]
fn names_of_queries_are_no_relations() {
    check(
        "WITH a AS (SELECT * FROM a), b AS (SELECT * FROM a) SELECT * FROM a, b, s.a",
        "Other; touches a s.a",
    );
    check(
        "WITH b AS (SELECT * FROM a) SELECT * FROM b",
        "Other; touches a",
    );
    check(
        "WITH RECURSIVE a AS (SELECT * FROM a) SELECT * FROM a",
        "Other",
    );
    check(
        "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS x, a",
        "Other; touches a",
    );
    check(
        "WITH a AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM a",
        "Other; touches t u",
    );
}

#[test]
fn what_the_parser_does_not_know_is_unknown() {
    check("CREATE TABLE t (system_user text)", "unknown");
    check("SELEC", "unknown");
    check("", "unknown");
    check("SELECT 1; SELECT 2", "unknown");
    check("SELECT '\0'", "unknown");
    assert_eq!(
        digests(&["x", "DO ''"])
            .iter()
            .map(Option::is_some)
            .collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn indexes_are_compared() {
    #[track_caller]
    fn check(ours: &str, theirs: &str, expected: Option<bool>) {
        assert_eq!(same_index(ours, theirs), expected, "{ours} and {theirs}");
    }
    let btree = "CREATE INDEX i ON public.t USING btree (a)";
    check(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
        btree,
        Some(true),
    );
    check("CREATE INDEX ON t (a ASC NULLS LAST)", btree, Some(true));
    check("CREATE INDEX ON ONLY t ((a))", btree, Some(true));
    check("CREATE INDEX j ON t (a)", btree, Some(false));
    check("CREATE INDEX i ON u (a)", btree, Some(false));
    check("CREATE INDEX i ON app.t (a)", btree, Some(false));
    check("CREATE INDEX i ON t (b)", btree, Some(false));
    check("CREATE INDEX i ON t (a, b)", btree, Some(false));
    check("CREATE INDEX i ON t ((a + 1))", btree, Some(false));
    check("CREATE INDEX i ON t (a DESC)", btree, Some(false));
    check("CREATE INDEX i ON t (a NULLS FIRST)", btree, Some(false));
    check("CREATE UNIQUE INDEX i ON t (a)", btree, Some(false));
    check("CREATE INDEX i ON t USING hash (a)", btree, Some(false));
    check("CREATE INDEX i ON t (a) INCLUDE (b)", btree, Some(false));
    check("CREATE INDEX i ON t (a) WHERE a > 0", btree, Some(false));
    check(
        "CREATE INDEX i ON t (a) WITH (fillfactor = 70)",
        btree,
        Some(false),
    );
    check("CREATE INDEX i ON t (a) TABLESPACE s", btree, None);
    check("CREATE INDEX i ON t (a text_ops)", btree, None);
    check("CREATE INDEX i ON t (a COLLATE \"C\")", btree, None);
    check("CREATE INDEX i ON t (a text_ops, b)", btree, Some(false));

    let rich = "CREATE UNIQUE INDEX i ON public.t USING btree (lower(a), b text_pattern_ops DESC) \
                INCLUDE (c) WITH (fillfactor='70') WHERE (b IS NOT NULL)";
    check(
        "CREATE UNIQUE INDEX i ON t (lower(a), b text_pattern_ops DESC NULLS FIRST) \
           INCLUDE (c) WITH (fillfactor = 70) WHERE b IS NOT NULL",
        rich,
        Some(true),
    );
    check(
        "CREATE UNIQUE INDEX i ON t (lower(a), b DESC) \
           INCLUDE (c) WITH (fillfactor = 70) WHERE b IS NOT NULL",
        rich,
        Some(false),
    );
    check(
        "CREATE UNIQUE INDEX i ON t (lower(a), b text_pattern_ops DESC) \
           INCLUDE (c) WITH (fillfactor = 70) WHERE b = 'x'",
        rich,
        None,
    );
    check(
        "CREATE UNIQUE INDEX i ON t (lower(a), b text_pattern_ops DESC) \
           INCLUDE (c) WITH (fillfactor = 80) WHERE b = 'x'",
        rich,
        Some(false),
    );
    check("CREATE INDEX", btree, None);
    check("SELECT 1", btree, None);
}

#[test]
fn deep_statements_are_known_or_unknown_and_never_abort() {
    let deep = |depth| {
        [
            format!("SELECT a{}", "||a".repeat(depth)),
            format!("SELECT 1{}", " UNION SELECT 1".repeat(depth)),
            format!(
                "SELECT {}1{}",
                "CASE WHEN a THEN ".repeat(depth),
                " END".repeat(depth)
            ),
            format!("SELECT {}1{}", "f(".repeat(depth), ")".repeat(depth)),
            format!(
                "SELECT * FROM {}t{}",
                "(SELECT * FROM ".repeat(depth),
                ") a".repeat(depth)
            ),
        ]
    };
    for (depth, known) in [(300, true), (100_000, false)] {
        for sql in deep(depth) {
            assert_eq!(
                digest(&sql).is_some(),
                known,
                "{depth} times {}",
                &sql[..40]
            );
        }
    }
}

#[test]
fn what_lives_in_the_session_is_seen() {
    use super::SessionUse::{AdvisoryLocks, HoldsCursor, UsesCursor};
    let held = |name: &str| Some(HoldsCursor(name.to_owned()));
    let used = |name: &str| Some(UsesCursor(Some(name.to_owned())));
    for (sql, expected) in [
        ("DECLARE C CURSOR WITH HOLD FOR SELECT 1", held("c")),
        ("DECLARE c CURSOR FOR SELECT 1", None),
        ("FETCH ALL FROM \"C\"", used("C")),
        ("MOVE c", used("c")),
        ("CLOSE c", used("c")),
        ("CLOSE ALL", Some(UsesCursor(None))),
        ("SELECT pg_advisory_lock(1)", Some(AdvisoryLocks)),
        (
            "SELECT pg_try_advisory_lock(1, 2), pg_catalog.pg_advisory_unlock_all()",
            Some(AdvisoryLocks),
        ),
        (
            "SELECT pg_advisory_lock_shared(hashtext('a')::bigint)",
            Some(AdvisoryLocks),
        ),
        ("SELECT pg_advisory_xact_lock(1)", None),
        ("SELECT pg_advisory_lock(a) FROM t", None),
        ("SELECT pg_advisory_lock(nextval('s'))", None),
        ("SELECT pg_advisory_lock(1), f()", None),
    ] {
        assert_eq!(super::session_use(sql), expected, "{sql}");
    }
}

#[test]
fn prepared_transactions_are_named() {
    assert_eq!(
        super::gid("PREPARE TRANSACTION 'a''b'"),
        Some("a'b".to_owned())
    );
    assert_eq!(super::gid("commit prepared 'x'"), Some("x".to_owned()));
    assert_eq!(super::gid("COMMIT"), None);
}

#[test]
fn what_is_certainly_new_is_known() {
    let shown = |sql: &str| {
        let digest = digest(sql).expect("valid SQL");
        let list = |names: &BTreeSet<RelationName>| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            names.join(" ")
        };
        format!("{}; {}", list(&digest.creates), list(&digest.adopts))
    };
    assert_eq!(shown("CREATE TABLE a.t (b int)"), "a.t; ");
    assert_eq!(shown("CREATE TABLE t PARTITION OF p DEFAULT"), "t; ");
    assert_eq!(shown("CREATE TABLE t AS SELECT 1"), "t; ");
    assert_eq!(shown("CREATE MATERIALIZED VIEW v AS SELECT 1"), "v; ");
    assert_eq!(shown("CREATE TABLE IF NOT EXISTS t (b int)"), "; ");
    assert_eq!(shown("CREATE TEMP TABLE t (b int)"), "; ");
    assert_eq!(shown("CREATE SCHEMA s CREATE TABLE t (b int)"), "; ");
    assert_eq!(shown("ALTER TABLE a.t RENAME TO u"), "; a.u");
    assert_eq!(shown("ALTER TABLE t SET SCHEMA a"), "; a.t");
    assert_eq!(shown("ALTER TABLE p ATTACH PARTITION t DEFAULT"), "; p t");
    assert_eq!(shown("ALTER TABLE t INHERIT p"), "; p t");
    assert_eq!(shown("ALTER TABLE t ADD COLUMN c int"), "; ");
}

#[test]
fn a_constant_is_a_value_only_where_its_type_is_written() {
    let bare = RelationName::bare("mood");
    let reads = |sql: &str| reads_enum_value(sql, &bare, "happy");
    assert!(reads("SELECT 'happy'::mood"));
    assert!(reads("INSERT INTO t VALUES (CAST('happy' AS mood))"));
    assert!(reads("CREATE VIEW v AS SELECT 1 WHERE m = mood 'happy'"));
    assert!(reads(
        "ALTER TABLE t ADD COLUMN m mood NOT NULL DEFAULT 'happy'"
    ));
    assert!(reads("CREATE TABLE t (m mood DEFAULT 'happy')"));
    assert!(!reads("INSERT INTO t VALUES ('happy')"));
    assert!(!reads("SELECT 'sad'::mood, 'happy'::text"));
    assert!(!reads("SELECT 'happy'::mood[]"));
    assert!(!reads("SELECT 'happy'::other.mood"));
    assert!(!reads(
        "CREATE TABLE t (m mood DEFAULT 'sad', n text DEFAULT 'happy')"
    ));
    assert!(!reads("DO $$ BEGIN PERFORM 'happy'::mood; END $$"));
    let qualified = RelationName::qualified("a", "mood");
    assert!(reads_enum_value(
        "SELECT 'happy'::a.mood",
        &qualified,
        "happy"
    ));
    assert!(!reads_enum_value(
        "SELECT 'happy'::mood",
        &qualified,
        "happy"
    ));
}
