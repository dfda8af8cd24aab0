//! Nobody's ledger: everything up to a file is applied.

use super::Case;
use crate::support::assert_text;

fn case() -> Case {
    let case = Case::new();
    case.database.run("CREATE TABLE a (); CREATE TABLE b ()");
    case.project
        .file("1-a.sql", "CREATE TABLE a ();\n")
        .file("2-b.sql", "CREATE TABLE b ();\n")
        .file("3-c.sql", "CREATE TABLE c ();\n");
    case
}

#[test]
fn everything_up_to_a_file_is_recorded() {
    let case = case();
    case.project.segue(&["adopt", "--up-to", "2-b.sql", "--write"]).expect(
        "
        Everything up to the file that was named
          taken over  `1-a.sql`
                      `2-b.sql`
          pending     `3-c.sql`
        ",
        "
             Adopted 2 migrations, as deployment 1
                     `segue up` runs what is pending; `segue write-schema` keeps the schema that it has to have
        ",
        0,
    );
    case.project.finishes();
    assert_text(
        "table",
        &case.database.query("SELECT to_regclass('c')"),
        "c",
    );
}

#[test]
fn a_name_that_is_not_there_gets_the_nearest() {
    let case = case();
    case.project
        .segue(&["adopt", "--up-to", "2-bb.sql"])
        .expect(
            "Everything up to the file that was named",
            "
        error: there is no migration `2-bb.sql`
        note: nothing is recorded
        help: did you mean `2-b.sql`?
        ",
            2,
        );
}
