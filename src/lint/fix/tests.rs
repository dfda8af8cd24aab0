//! A file, and what it becomes.

use std::fmt::Write as _;

use super::*;
use crate::lint::tests::files;

const NAME: &str = "2026-01-02-00-00-00-b.sql";

/// Mends all that can be mended in one of several files, and shows what comes
/// of it: the file, new files, and what is left.
#[track_caller]
fn mended(texts: &[(&str, &str)], name: &str) -> String {
    let read = files(texts);
    let all: Vec<File> = read.iter().map(|(file, _)| file.clone()).collect();
    let file = all.iter().find(|file| file.name.as_str() == name);
    let file = file.expect("a file");
    let (_, text) = texts.iter().find(|(one, _)| *one == name).expect("a text");
    let wanted = (0..file.statements.len()).map(|index| (index, RULES.to_vec()));
    let named = BTreeSet::new();
    let folder = Folder {
        files: &all,
        named: &named,
    };
    let fixed = mend(file, text, &wanted.collect(), folder);
    let mut shown = fixed.text.clone();
    for file in &fixed.files {
        write!(shown, "== {}\n{}", file.name, file.text).expect("a string");
    }
    if let Some(partner) = &fixed.turned {
        writeln!(shown, "turned: {partner}").expect("a string");
    }
    for done in &fixed.done {
        for note in &done.notes {
            writeln!(shown, "{}: note: {note}", done.line).expect("a string");
        }
    }
    for left in &fixed.left {
        if left.reason != "there is no ready-made way" {
            writeln!(shown, "{}: left: {}", left.line, left.reason).expect("a string");
        }
    }
    shown
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let before = (
        "2026-01-01-00-00-00-a.sql",
        "CREATE TABLE t (a int, b int);",
    );
    assert_eq!(mended(&[before, (NAME, text)], NAME), expected);
}

/// Nothing is changed, for this reason.
#[track_caller]
fn left(text: &str, expected: &str) {
    check(text, &format!("{text}{expected}\n"));
}

#[test]
fn an_index_goes_to_a_file_of_its_own() {
    check(
        "-- About both.\nALTER TABLE t ADD c int;\n\n-- For look-ups.\nCREATE INDEX IF NOT EXISTS t_c\n    ON t (c); -- small\n",
        "-- About both.
ALTER TABLE t ADD c int;

== 2026-01-02-00-00-00-t_c.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
-- For look-ups.
-- small
CREATE INDEX CONCURRENTLY t_c
    ON t (c);
5: note: without `IF NOT EXISTS`, which would pass over an invalid index; segue looks whether the same index is there already
",
    );
}

#[test]
fn indexes_of_a_table_share_a_file() {
    check(
        "SELECT 1;\nCREATE INDEX t_a ON t (a);\nCREATE INDEX u_a ON app.u (a);\nCREATE INDEX t_b ON t (b);\n",
        "SELECT 1;
== 2026-01-02-00-00-00-t-indexes.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
CREATE INDEX CONCURRENTLY t_a ON t (a);
CREATE INDEX CONCURRENTLY t_b ON t (b);
== 2026-01-02-00-00-00-u_a.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
CREATE INDEX CONCURRENTLY u_a ON app.u (a);
",
    );
}

#[test]
fn a_file_of_indexes_becomes_concurrent_itself() {
    check(
        "-- Look-ups.\r\nCREATE INDEX t_a ON t (a);\r\nCREATE UNIQUE INDEX t_b ON t (b);\r\n",
        "-- segue: begin-concurrent-migration-with: 2026-01-01-00-00-00-a.sql\r
-- Look-ups.\r
CREATE INDEX CONCURRENTLY t_a ON t (a);\r
CREATE UNIQUE INDEX CONCURRENTLY t_b ON t (b);\r
turned: 2026-01-01-00-00-00-a.sql
",
    );
}

#[test]
fn constraints_are_validated_in_the_tail() {
    check(
        "ALTER TABLE t\n    ADD c int, -- the order\n    ADD CONSTRAINT t_c FOREIGN KEY (c) REFERENCES o (id) ON DELETE CASCADE,\n    ADD CHECK (a > 0);\n",
        "ALTER TABLE t
    ADD c int, -- the order
    ADD CONSTRAINT t_c FOREIGN KEY (c) REFERENCES o (id) ON DELETE CASCADE NOT VALID,
    ADD CONSTRAINT t_a_check CHECK (a > 0) NOT VALID;
== 2026-01-02-00-00-00-validate-t.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
ALTER TABLE t VALIDATE CONSTRAINT t_c;
ALTER TABLE t VALIDATE CONSTRAINT t_a_check;
",
    );
}

#[test]
fn not_null_is_set_when_a_check_has_proved_it() {
    check(
        "ALTER TABLE ONLY app.t ALTER a SET NOT NULL;\n",
        "ALTER TABLE ONLY app.t ADD CONSTRAINT t_a_not_null_check CHECK (a IS NOT NULL) NOT VALID;
== 2026-01-02-00-00-00-validate-t_a_not_null_check.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
ALTER TABLE ONLY app.t VALIDATE CONSTRAINT t_a_not_null_check;
== 2026-01-02-00-00-01-b-end.sql
-- segue: end-concurrent-migration: 2026-01-02-00-00-00-validate-t_a_not_null_check.sql
ALTER TABLE ONLY app.t ALTER a SET NOT NULL;
ALTER TABLE ONLY app.t DROP CONSTRAINT t_a_not_null_check;
",
    );
}

#[test]
fn keys_take_an_index_that_is_built_before() {
    check(
        "ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (a, \"B\") INCLUDE (c) DEFERRABLE INITIALLY DEFERRED, ADD d int;\nALTER TABLE u ADD PRIMARY KEY (\"user\");",
        "ALTER TABLE t ADD d int;
ALTER TABLE u ADD CONSTRAINT u_user_not_null_check CHECK (\"user\" IS NOT NULL) NOT VALID;== 2026-01-02-00-00-00-t_a_B_c_key.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
CREATE UNIQUE INDEX CONCURRENTLY \"t_a_B_c_key\" ON t (a, \"B\") INCLUDE (c) NULLS NOT DISTINCT;
== 2026-01-02-00-00-00-u_pkey.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
CREATE UNIQUE INDEX CONCURRENTLY u_pkey ON u (\"user\");
== 2026-01-02-00-00-00-validate-u_user_not_null_check.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
ALTER TABLE u VALIDATE CONSTRAINT u_user_not_null_check;
== 2026-01-02-00-00-01-b-end.sql
-- segue: end-concurrent-migration: 2026-01-02-00-00-00-t_a_B_c_key.sql, 2026-01-02-00-00-00-u_pkey.sql, 2026-01-02-00-00-00-validate-u_user_not_null_check.sql
ALTER TABLE t ADD CONSTRAINT \"t_a_B_c_key\" UNIQUE USING INDEX \"t_a_B_c_key\" DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE u ADD CONSTRAINT u_pkey PRIMARY KEY USING INDEX u_pkey;
ALTER TABLE u DROP CONSTRAINT u_user_not_null_check;
",
    );
}

#[test]
fn what_relies_on_it_keeps_it_where_it_is() {
    left(
        "SET search_path = app;\nCREATE INDEX t_a ON t (a);\n",
        "2: left: `search_path` is set before it (the statement of line 1), which another file would not see",
    );
    left(
        "DROP INDEX t_a;\nCREATE INDEX t_a ON t (a);\n",
        "2: left: what it replaces is removed before it (the statement of line 1), and until the new one is built there would be neither: make the new one under another name, and remove the old one in a migration that ends it",
    );
    left(
        "ALTER TABLE t DROP CONSTRAINT t_pkey;\nALTER TABLE t ADD PRIMARY KEY (a);\n",
        "2: left: what it replaces is removed before it (the statement of line 1), and until the new one is built there would be neither: make the new one under another name, and remove the old one in a migration that ends it",
    );
    left(
        "CREATE UNIQUE INDEX t_a ON t (a);\nCOMMENT ON INDEX t_a IS 'x';\n",
        "1: left: the statement of line 2 names `t_a`, which would not be there yet",
    );
    left(
        "CREATE UNIQUE INDEX t_a ON t (a);\nINSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING;\n",
        "1: left: the statement of line 2 says ON CONFLICT, which needs the unique index",
    );
    left(
        "CREATE UNIQUE INDEX t_a ON t (a);\nCREATE TABLE u (a int REFERENCES t (a));\n",
        "1: left: the statement of line 2 adds a foreign key that needs the unique index",
    );
    left(
        "CREATE INDEX t_a ON t (a);\nALTER TABLE t RENAME a TO b;\n",
        "1: left: `t` is renamed, moved or dropped by the statement of line 2",
    );
    left(
        "ALTER TABLE t ALTER a SET NOT NULL;\nALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY;\n",
        "1: left: the statement of line 2 relies on the column's being NOT NULL, or takes it back",
    );
    left(
        "CREATE INDEX t_a ON t (a);\nDO $$ BEGIN PERFORM 1 FROM t; END $$;\n",
        "1: left: the code of the statement of line 2 may rely on it",
    );
}

#[test]
fn a_column_is_proved_not_null_once() {
    check(
        "ALTER TABLE t ALTER a SET NOT NULL;\nALTER TABLE t ADD PRIMARY KEY (a);\n",
        "ALTER TABLE t ADD CONSTRAINT t_a_not_null_check CHECK (a IS NOT NULL) NOT VALID;
ALTER TABLE t ADD PRIMARY KEY (a);
== 2026-01-02-00-00-00-validate-t_a_not_null_check.sql
-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql
ALTER TABLE t VALIDATE CONSTRAINT t_a_not_null_check;
== 2026-01-02-00-00-01-b-end.sql
-- segue: end-concurrent-migration: 2026-01-02-00-00-00-validate-t_a_not_null_check.sql
ALTER TABLE t ALTER a SET NOT NULL;
ALTER TABLE t DROP CONSTRAINT t_a_not_null_check;
2: left: another statement of the file gets a constraint of the same name
",
    );
    left(
        "ALTER TABLE t ALTER a SET NOT NULL, ADD PRIMARY KEY (a);\n",
        "1: left: two of its actions demand that `a` is not null",
    );
}

#[test]
fn later_files_are_looked_at_too() {
    let shown = mended(
        &[
            (NAME, "CREATE INDEX t_a ON t (a);\n"),
            ("2026-01-03-00-00-00-c.sql", "SELECT 1;\nDROP INDEX t_a;\n"),
        ],
        NAME,
    );
    assert_eq!(
        shown,
        "CREATE INDEX t_a ON t (a);\n1: left: line 2 of `2026-01-03-00-00-00-c.sql` names `t_a`, which would not be there yet\n"
    );
}

#[test]
fn an_earlier_try_is_taken_up() {
    let texts = [
        ("2026-01-01-00-00-00-a.sql", "SELECT 1;"),
        (NAME, "SELECT 1;\nCREATE INDEX t_a ON t (a);\n"),
    ];
    let first = mended(&texts, NAME);
    let written = "-- segue: begin-concurrent-migration-with: 2026-01-02-00-00-00-b.sql\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n";
    let mut again = texts.to_vec();
    again.push(("2026-01-02-00-00-00-t_a.sql", written));
    assert_eq!(mended(&again, NAME), first);
    // Another one of that name stays.
    again[2].1 = "SELECT 2;";
    assert!(mended(&again, NAME).contains("2026-01-02-00-00-01-t_a.sql"));
}

#[test]
fn names_sort_behind() {
    let check = |after: &str, slug: &str, expected: &str| {
        let name = name_after(&Name::new(after), slug, |_| true);
        assert_eq!(name.as_str(), expected);
        assert!(name.as_str() > after);
    };
    check("0007-add.sql", "t_a", "0007-add_t_a.sql");
    check("V12__add.sql", "", "V12__add_tail.sql");
    check(
        "2026-12-31-23-59-59-z.sql",
        "a b",
        "2027-01-01-00-00-00-a-b.sql",
    );
    check(
        "9999-12-31-23-59-59-z.sql",
        "a",
        "9999-12-31-23-59-59-z_a.sql",
    );
}
