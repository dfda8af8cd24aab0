//! What is refused of a backfill before anything runs, and what is not.
//!
//! The output stands in `backfill/refused.txt`; `UPDATE_EXPECTED=1` writes it.

use crate::support::{Project, assert_file};

/// A concurrent migration with these lines below its partner's.
fn concurrent(rest: &str) -> String {
    format!("-- segue: begin-concurrent-migration-with: 0.sql\n{rest}\n")
}

fn by_id(statement: &str) -> String {
    concurrent(&format!("-- segue: backfill: person by id\n{statement};"))
}

/// Files by their numbers.
fn project(files: &[String]) -> Project {
    let project = Project::new();
    project.file(
        "0.sql",
        "CREATE TABLE other (id int);\nSELECT segue.keep_in_sync('person', 'a', 'lower(b)');\n",
    );
    for (index, file) in files.iter().enumerate() {
        project.file(&format!("{}.sql", 101 + index), file);
    }
    project
}

#[test]
fn what_would_lose_or_repeat_rows_is_refused() {
    let range = "id > :lower AND id <= :upper";
    let refused = [
        // The header.
        "-- segue: connection: postgres://localhost/x\n-- segue: backfill: person by id\nSELECT 1;\n".to_owned(),
        concurrent("-- segue: backfill: person by id within 7\nSELECT 1;"),
        // Statements.
        concurrent("-- segue: backfill: person by id\n-- nothing"),
        by_id(&format!("UPDATE person SET a = 1 WHERE {range};\nUPDATE person SET b = 1 WHERE {range}")),
        by_id("VACUUM person"),
        by_id("SELECT id INTO copy FROM person WHERE id > :lower AND id <= :upper"),
        // Bounds.
        by_id("UPDATE person SET a = 1"),
        by_id("UPDATE person SET a = 1 WHERE id BETWEEN :lower AND :upper"),
        by_id(&format!("UPDATE person SET a = $1 WHERE {range}")),
        by_id("UPDATE person SET a = 1 WHERE id > :lower AND id <= :Upper"),
        by_id(&format!("UPDATE person SET a = :'value' WHERE {range} AND b = :limit")),
        by_id(&format!("UPDATE person SET a = 1 WHERE {range} OR a IS NULL")),
        by_id(&format!("UPDATE person SET a = 1 WHERE NOT ({range})")),
        by_id("UPDATE person SET a = 1 WHERE id > :lower + 1 AND id <= :upper"),
        by_id("UPDATE person SET a = 1 WHERE id > :lower AND a IN (SELECT id FROM other WHERE id <= :upper)"),
        by_id(&format!("WITH part AS (SELECT id FROM person WHERE {range}) UPDATE person SET a = 1")),
        by_id(&format!(
            "MERGE INTO person USING other ON other.id = person.id AND person.{range}\n\
             WHEN NOT MATCHED THEN INSERT VALUES (other.id)"
        )),
        // The key.
        by_id("UPDATE person SET a = 1 WHERE nr > :lower AND nr <= :upper"),
        by_id("UPDATE person p SET a = 1 FROM other o\nWHERE o.person = p.id AND o.id > :lower AND o.id <= :upper"),
        by_id("UPDATE person SET a = 1 WHERE id::text > :lower AND id::text <= :upper"),
        concurrent(
            "-- segue: backfill: person by tenant, id\nUPDATE person SET a = 1\nWHERE (id, tenant) > (:lower) AND (id, tenant) <= (:upper);",
        ),
        by_id(&format!("UPDATE persons SET a = 1 WHERE {range}")),
        by_id(&format!("UPDATE person SET (a, id) = (1, id + 1) WHERE {range}")),
        by_id(&format!("INSERT INTO person (a) SELECT a FROM person WHERE {range}")),
        by_id(&format!(
            "INSERT INTO person (id) SELECT id FROM other WHERE {range}\nON CONFLICT (id) DO UPDATE SET id = 1"
        )),
        // No backfill.
        concurrent(&format!("UPDATE person SET a = 1 WHERE {range};")),
        format!("UPDATE person SET a = 1 WHERE {range};\n"),
    ];
    let run = project(&refused).segue(&["lint"]);
    assert_file("tests/offline/backfill/refused.txt", &run.stdout);
    assert_eq!(run.status, 3, "{}", run.stderr);
    for (index, file) in refused.iter().enumerate() {
        let name = format!("migrations/{}.sql", 101 + index);
        assert!(run.stdout.contains(&name), "{name} {file}");
    }
}

#[test]
fn what_keeps_to_its_range_is_not() {
    let range = "id > :lower AND id <= :upper";
    let accepted = [
        by_id(&format!(
            "UPDATE person SET a = 1 WHERE {range} AND (a IS NULL OR b)"
        )),
        by_id(&format!(
            "UPDATE public.person p SET a = o.a FROM other o WHERE o.id = p.id AND o.{}",
            range.replace("AND id", "AND o.id")
        )),
        by_id(&format!(
            "UPDATE person SET a = 1 FROM person p JOIN other o USING (id) WHERE o.{}",
            range.replace("AND id", "AND o.id")
        )),
        by_id("DELETE FROM person WHERE :lower < id AND :upper >= id"),
        by_id(&format!(
            "WITH part AS (SELECT id AS nr FROM person WHERE {range} FOR UPDATE)\nUPDATE person SET a = 1 FROM part WHERE nr = id"
        )),
        by_id(&format!(
            "WITH gone AS (DELETE FROM person WHERE {range} RETURNING *) INSERT INTO other SELECT id FROM gone"
        )),
        by_id(&format!(
            "INSERT INTO person SELECT id FROM person WHERE {range}\nON CONFLICT (id) DO UPDATE SET a = excluded.a RETURNING id"
        )),
        by_id(&format!(
            "INSERT INTO other SELECT id FROM person WHERE {range}"
        )),
        by_id(&format!(
            "MERGE INTO other USING (SELECT * FROM person WHERE {range}) p ON p.id = other.id\nWHEN NOT MATCHED THEN INSERT VALUES (p.id)"
        )),
        by_id(
            "UPDATE person p SET a = 1 FROM other o INNER JOIN x ON x.id = o.id AND o.id > 1 WHERE p.id > :lower AND p.id <= :upper AND o.id = p.id",
        ),
        by_id(&format!("SELECT refresh(id) FROM person WHERE {range}")),
        concurrent(
            "-- segue: backfill: \"Per son\" by tenant, \"Id\" within 7 days\nUPDATE \"Per son\" SET a = 1\nWHERE (tenant, \"Id\") > (:lower) AND ROW(tenant, \"Id\") <= ROW(:upper);",
        ),
        concurrent(
            "-- segue: backfill: person by ctid\nUPDATE person SET a = lower(b) WHERE ctid > :lower AND ctid <= :upper;",
        ),
        concurrent("SELECT (ARRAY[1, 2])[1:upper] FROM (SELECT 2 AS upper) x;"),
        "DO $$ BEGIN PERFORM ':lower'; END $$; -- :upper\n".to_owned(),
    ];
    let project = project(&accepted);
    project
        .segue(&["lint"])
        .expect("nothing found in 16 files", "", 0);
}
