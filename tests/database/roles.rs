//! What a throwaway server is given before the history: the SQL file of
//! `[throwaway]`, and the roles that the history takes for granted.

use crate::support::Project;

fn project() -> Project {
    let mut project = Project::throwaway();
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[duration]");
    project
}

#[test]
fn missing_roles_are_made_wherever_they_are_named() {
    let project = project();
    project
        .file(
            "1.sql",
            "CREATE TABLE t (id int);\nGRANT SELECT ON t TO reader, \"we \"\"ird\";\n",
        )
        .file(
            "2.sql",
            "-- segue: no-txn\nCREATE TABLE u (id int);\nALTER TABLE u OWNER TO owner;\nVACUUM u;\n",
        )
        .file(
            "3.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\nDO $$ BEGIN SET LOCAL ROLE 'late'; END $$;\nCREATE INDEX CONCURRENTLY i ON t (id);\n",
        );
    project.segue(&["up", "--throwaway"]).expect(
        "",
        r#"
              Planned 1 migration in one transaction and 1 migration outside a transaction, then 1 concurrent migration
         Not verified there is no expected schema; `segue write-schema` writes it
              Created the ledger, in namespace segue
                 Made role `reader`, which is missing here, NOLOGIN
                 Made role `we "ird`, which is missing here, NOLOGIN
                  Ran `1.sql`, 2 statements in [duration]
            Committed 1 migration in [duration]
              Running `2.sql` outside a transaction (pid [pid])
                 Made role `owner`, which is missing here, NOLOGIN
              Running `2.sql` outside a transaction (pid [pid])
                  Ran `2.sql`, 3 statements in [duration]
                Ready after [duration] (deployment 1)
                 Tail 1 concurrent migration: `3.sql`
              Running `3.sql` (pid [pid])
                 Made role `late`, which is missing here, NOLOGIN
              Running `3.sql` (pid [pid])
             Finished `3.sql` in [duration]
              Settled after [duration] (deployment 1)
        "#,
        0,
    );
}

#[test]
fn a_role_that_the_history_itself_drops_is_its_error() {
    let project = project();
    project.file(
        "1.sql",
        "CREATE ROLE a;\nDROP ROLE a;\nGRANT CREATE ON SCHEMA public TO a;\n",
    );
    project.segue(&["up", "--throwaway"]).expect(
        "",
        r#"
                 Planned 1 migration in one transaction
            Not verified there is no expected schema; `segue write-schema` writes it
                 Created the ledger, in namespace segue
                    Made role `a`, which is missing here, NOLOGIN
            error[server-error]: role "a" already exists
              --> migrations/1.sql:1:1
              |
            1 | CREATE ROLE a;
              | ^^^^^^^^^^^^^ this statement
              = note: SQLSTATE 42710
            note: nothing was committed: the database is as it was
            help: correct the migration, then `segue up` starts afresh
        "#,
        4,
    );
}

#[test]
fn the_file_is_run_first_and_may_be_any_sql() {
    let project = project();
    project
        .write("segue.toml", "[throwaway]\nbefore = \"roles.sql\"\n")
        .write(
            "roles.sql",
            "CREATE ROLE app;\nBEGIN;\nCREATE TABLE given (a int);\nCOMMIT;\nCOPY given FROM stdin;\n7\n\\.\nVACUUM given;",
        )
        .file(
            "1.sql",
            "GRANT SELECT ON given TO app;\nDO $$ BEGIN ASSERT (SELECT a FROM given) = 7; END $$;",
        );
    project.segue(&["up", "--throwaway"]).expect(
        "",
        "
              Planned 1 migration in one transaction
         Not verified there is no expected schema; `segue write-schema` writes it
              Created the ledger, in namespace segue
                  Ran `1.sql`, 2 statements in [duration]
            Committed 1 migration in [duration]
                Ready after [duration] (deployment 1)
              Settled after [duration] (deployment 1)
        ",
        0,
    );
}

#[test]
fn an_error_of_the_file_has_its_place() {
    let project = project();
    project
        .write("segue.toml", "[throwaway]\nbefore = \"roles.sql\"\n")
        .file("1.sql", "SELECT 1;");
    let up = || project.segue(&["up", "--throwaway"]);
    up().expect(
        "",
        "
            error: cannot read the SQL file `roles.sql`: No such file or directory (os error 2)
            note: the file is `before` of `[throwaway]` in segue.toml; nothing else was run
        ",
        2,
    );
    project.write("roles.sql", "CREATE ROLE app;\nGRANT nobody TO app;\n");
    up().expect(
        "",
        r#"
            error[server-error]: role "nobody" does not exist
              --> roles.sql:2:1
              |
            2 | GRANT nobody TO app;
              | ^^^^^^^^^^^^^^^^^^^ this statement
              = note: SQLSTATE 42704
            note: the file is `before` of `[throwaway]` in segue.toml; nothing else was run
        "#,
        2,
    );
    project.write(
        "roles.sql",
        "CREATE TABLE t (a int);\nCOPY t FROM stdin;\nx\n\\.\n",
    );
    up().expect(
        "",
        r#"
            error[server-error]: invalid input syntax for type integer: "x"
              --> roles.sql:2:1
              |
            2 | COPY t FROM stdin;
              | ^^^^^^^^^^^^^^^^^ this statement
              = note: CONTEXT: COPY t, line 1, column a: "x"
              = note: SQLSTATE 22P02
            note: the file is `before` of `[throwaway]` in segue.toml; nothing else was run
        "#,
        2,
    );
    project.write("roles.sql", "CREATE ROLE app;\n\\du\n");
    up().expect(
        "",
        r"
            error[psql-meta-command]: psql meta-command `\du` is not SQL
              --> roles.sql:2:1
              |
            2 | \du
              | ^^^ only psql knows this
              = help: remove the line: segue sends SQL only
            note: the file is `before` of `[throwaway]` in segue.toml; nothing else was run
        ",
        2,
    );
    project.write("roles.sql", "-- segue: no-txn\nCREATE ROLE app;\n");
    up().expect(
        "",
        "
            error[misplaced-directive]: directives are for migrations, and this file is none
              --> roles.sql:1:1
              |
            1 | -- segue: no-txn
              | ^ in the comments that the file begins with
              = help: remove the directives: each statement runs by itself here
            note: the file is `before` of `[throwaway]` in segue.toml; nothing else was run
        ",
        2,
    );
}
