//! Indexes that strangers made by hand.

use super::{concurrent, expect_done, gated, left, open, project_on, shut, wait_at_gate};
use crate::support::TestDatabase;

#[test]
fn another_index_of_that_name_is_told_and_left_alone() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project
        .file("1-table.sql", "CREATE TABLE t (a int);\n")
        .file(
            "2-index.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
        );
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    database.run("CREATE INDEX t_a ON t ((a + 1))");
    project.segue(&["settle"]).expect(
        "",
        "
             Planned 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                Tail 1 concurrent migration: `2-index.sql`
             Running `2-index.sql` (pid [pid])
        error[half-way]: there is another index named `public.t_a` on this table
          --> migrations/2-index.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY t_a ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this one is wanted
          = note: there is: CREATE INDEX t_a ON public.t USING btree (((a + 1)))
          = note: wanted: CREATE INDEX CONCURRENTLY t_a ON t (a)
          = help: give this one another name, or drop or rename the one that is there; if it is meant to be taken as it is, write `IF NOT EXISTS`
        error: the tail is not done: `2-index.sql` failed
        note: the deployment is ready
        help: `segue settle` tries again; `segue abandon 2-index.sql` gives it up
        ",
        6,
    );
    assert_eq!(left(&database), "2-index.sql failed\nt_a");
    database.run("DROP INDEX t_a");
    project.segue(&["settle", "-q"]).expect("", "", 0);
    expect_done(&project, &database);
}

#[test]
fn an_invalid_one_from_before_is_told_and_left_alone() {
    let database = TestDatabase::new();
    let project = gated(&database);
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    let holder = shut(&database, &[1]);
    let stranger = database.session();
    let build = stranger.start("CREATE INDEX CONCURRENTLY t_a ON t (gate(a))");
    assert_eq!(wait_at_gate(&database, 1), stranger.pid());
    stranger.cancel();
    build.wait().expect_err("cancelled");
    open(&holder);
    project.segue(&["settle"]).expect(
        "",
        "
             Planned 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                Tail 1 concurrent migration: `2-index.sql`
             Running `2-index.sql` (pid [pid])
        error[half-way]: an invalid index `public.t_a` is in the way
          --> migrations/2-index.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY t_a ON t (gate(a));
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ of this name
          = note: it is: CREATE INDEX t_a ON public.t USING btree (gate(a))
          = note: it was there before segue first ran this statement, so segue leaves it alone; nobody is building it now
          = help: if nobody needs it: `DROP INDEX CONCURRENTLY public.t_a;`, then run segue again
        error: the tail is not done: `2-index.sql` failed
        note: the deployment is ready
        help: `segue settle` tries again; `segue abandon 2-index.sql` gives it up
        ",
        6,
    );
    assert_eq!(left(&database), "2-index.sql failed\nt_a invalid");
    database.run("DROP INDEX t_a");
    project.segue(&["settle", "-q"]).expect("", "", 0);
    expect_done(&project, &database);
}
