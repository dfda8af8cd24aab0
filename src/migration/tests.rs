//! Which migrations disturb each other, by their texts.

use super::*;
use crate::statement::digest;

/// A concurrent migration with these statements.
fn migration(sql: &str) -> Migration {
    let mut relations = Relations::default();
    let mut items = Vec::new();
    for sql in sql.split(';').map(str::trim).filter(|sql| !sql.is_empty()) {
        let digest = digest(sql);
        if let Some(digest) = &digest {
            let names = |names: &BTreeSet<RelationName>| -> Vec<String> {
                names.iter().map(|name| name.name.clone()).collect()
            };
            relations.touches.extend(names(&digest.touches));
            relations.makes.extend(names(&digest.makes));
        }
        items.push(Item {
            fingerprint: Fingerprint::of(sql),
            span: Span::new(0, 0),
            line: 1,
            digest,
        });
    }
    let is_known = items.iter().all(|item| item.digest.is_some());
    Migration {
        source: Arc::new(Source::new("1.sql", sql)),
        outline: Some(Outline {
            items,
            relations: is_known.then_some(relations),
            ..Outline::default()
        }),
        ..Migration::example("1.sql", Kind::Concurrent)
    }
}

#[track_caller]
fn check(one: &str, other: &str, expected: bool) {
    let (first, second) = (migration(one), migration(other));
    assert_eq!(first.disturbs(&second), expected, "{one} / {other}");
    assert_eq!(second.disturbs(&first), expected, "{other} / {one}");
}

#[test]
fn a_checksum_survives_its_text() {
    let checksum = Checksum(std::array::from_fn(|index| {
        u8::try_from(index * 7).expect("below 256")
    }));
    assert_eq!(checksum.to_string().parse(), Ok(checksum));
    assert_eq!("é".repeat(32).parse::<Checksum>(), Err(()));
}

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (a)";

#[test]
fn those_on_one_table() {
    for other in [
        "CREATE INDEX CONCURRENTLY j ON t (b)",
        "CREATE INDEX CONCURRENTLY j ON public.t (b)",
        "REINDEX TABLE CONCURRENTLY t",
        "VACUUM t",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE t DETACH PARTITION u CONCURRENTLY",
        "ALTER TABLE u DETACH PARTITION t CONCURRENTLY",
        "ALTER TABLE u ATTACH PARTITION t DEFAULT",
        "CLUSTER t USING j",
        "INSERT INTO u SELECT * FROM t",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM t",
        "ALTER TABLE u ADD FOREIGN KEY (a) REFERENCES t NOT VALID",
        "ALTER SEQUENCE s OWNED BY t.a",
    ] {
        check(INDEX, other, true);
    }
}

#[test]
fn one_that_uses_what_the_other_makes() {
    for other in [
        "ALTER TABLE u ADD CONSTRAINT c UNIQUE USING INDEX i",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX INDEX CONCURRENTLY public.i",
        "ALTER INDEX whole ATTACH PARTITION i",
        "ALTER INDEX i RENAME TO j",
    ] {
        check(INDEX, other, true);
    }
    let function = "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1";
    check(function, "CREATE INDEX CONCURRENTLY i ON t (f(a))", true);
    check(function, "CREATE INDEX CONCURRENTLY i ON t (g(a))", false);
    check(function, "CALL f(1)", true);
    check("DROP FUNCTION f(int)", "SELECT public.f(a) FROM t", true);
    check(
        "CREATE TYPE e AS ENUM ('x')",
        "ALTER TABLE t ADD COLUMN c e",
        true,
    );
    check(
        "CREATE TYPE s.e AS ENUM ('x')",
        "ALTER TABLE t ADD COLUMN c r.e",
        false,
    );
}

#[test]
fn those_on_different_tables() {
    for other in [
        "CREATE INDEX CONCURRENTLY j ON u (a)",
        "VACUUM (ANALYZE) u",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
        "UPDATE u SET a = lower(b)::int",
        "SET maintenance_work_mem = '1GB'",
    ] {
        check(INDEX, other, false);
    }
}

#[test]
fn one_that_names_no_table_and_works_on_all() {
    for all in [
        "REINDEX SCHEMA CONCURRENTLY public",
        "REINDEX DATABASE CONCURRENTLY app",
        "VACUUM",
        "ANALYZE",
        "CLUSTER",
    ] {
        check(INDEX, all, true);
    }
}

#[test]
fn what_cannot_be_parsed_may_be_about_anything() {
    check(INDEX, "CREATE SOMETHING new", true);
    assert_eq!(
        migration("CREATE SOMETHING new").snapshots(),
        Snapshots::Both
    );
}

#[test]
fn how_snapshots_are_treated() {
    let check = |sql: &str, expected: Snapshots| {
        assert_eq!(migration(sql).snapshots(), expected, "{sql}");
    };
    check(INDEX, Snapshots::Waits);
    check(
        "SET maintenance_work_mem = '1GB'; REINDEX INDEX CONCURRENTLY i",
        Snapshots::Waits,
    );
    check(
        "CREATE INDEX CONCURRENTLY i ON t (lower(a))",
        Snapshots::Both,
    );
    check(
        "CREATE INDEX CONCURRENTLY i ON t (a) WHERE b",
        Snapshots::Both,
    );
    check("REFRESH MATERIALIZED VIEW CONCURRENTLY m", Snapshots::Holds);
    check("ALTER TABLE t VALIDATE CONSTRAINT c", Snapshots::Holds);
    check(
        "CREATE INDEX CONCURRENTLY i ON t (a); ANALYZE t",
        Snapshots::Both,
    );
    // What they do is not known.
    check("CALL f()", Snapshots::Both);
    check("DO 'BEGIN END'", Snapshots::Both);
}
