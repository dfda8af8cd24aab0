//! Files that are a part of the program do what files in a folder do.

use std::fs;
use std::path::Path;

use segue::{Deployment, Embedded, EmbeddedFile, Migrations, OnMismatch, SchemaRules};

use super::{Done as _, applied, deployment, embedded};
use crate::support::{Project, TestDatabase, assert_text};

#[test]
fn every_kind_of_file() {
    let database = TestDatabase::new();
    let connection = format!(
        "-- segue: connection: {}\nCREATE TABLE elsewhere ();",
        database.url()
    );
    let files = [
        ("a.sql", "CREATE TABLE t (n int, name text);"),
        (
            "b.sql",
            "COPY t FROM STDIN;\n1\tone\n2\t${NAME}\n\\.\nINSERT INTO t VALUES (3, 'three');",
        ),
        (
            "c.sql",
            "-- segue: env-vars: NAME\nINSERT INTO t VALUES (4, '${NAME}');",
        ),
        ("d.sql", connection.as_str()),
        ("e.sql", "-- segue: no-txn\nVACUUM t;"),
    ];
    let unset = deployment(&database, &files).up().done();
    assert_text(
        "the error",
        &format!("{}\n", unset.expect_err("an error")),
        "\
error[unset-variable]: the environment variable `NAME` is not set
  --> migrations/c.sql:1:21
  |
1 | -- segue: env-vars: NAME
  |                     ^^^^ this file takes it
  = help: set it, to nothing if that is meant
",
    );
    let ready = deployment(&database, &files)
        .variable("NAME", "four")
        .up()
        .done();
    ready.expect("ready").settle().done().expect("settled");
    assert_eq!(
        database.query("SELECT * FROM t ORDER BY n"),
        "1|one\n2|${NAME}\n3|three\n4|four"
    );
    assert_eq!(applied(&database), "a.sql b.sql c.sql d.sql e.sql");
    assert_eq!(database.relations(), "elsewhere t");

    // The program `segue` sees the same files, by the same checksums.
    let mut project = Project::deploying(&database);
    for (name, text) in files {
        project.file(name, text);
    }
    project.env("NAME", "four");
    project.has_nothing_to_do();
}

/// A file that is outlined while its checksum is taken.
#[test]
fn a_large_file() {
    let database = TestDatabase::new();
    let rows: Vec<String> = (0..300_000)
        .map(|number| format!("{number}\tnumber {number} of many thousands\n"))
        .collect();
    let rows = rows.concat();
    let text =
        format!("CREATE TABLE t (n int, name text);\nCOPY t FROM STDIN;\n{rows}\\.\nSELECT 1/0;\n");
    assert!(text.len() > 8 << 20);
    let files = [("a.sql", text.as_str())];
    let error = deployment(&database, &files)
        .up()
        .done()
        .expect_err("an error");
    assert_text(
        "the error",
        &format!("{error}\n"),
        "\
error[server-error]: division by zero
       --> migrations/a.sql:300004:1
       |
300004 | SELECT 1/0;
       | ^^^^^^^^^^ this statement
       = note: SQLSTATE 22012
nothing was committed: the database is as it was
",
    );
    let text = text.replace("SELECT 1/0;\n", "");
    let ready = deployment(&database, &[("a.sql", text.as_str())])
        .up()
        .done();
    assert!(ready.expect("ready").is_settled());
    assert_eq!(database.query("SELECT count(*) FROM t"), "300000");
}

/// The files below a folder, with their paths from it.
fn below(folder: &Path, at: &str, files: &mut Vec<EmbeddedFile>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("UTF-8");
        let shown = format!("{at}{name}");
        if path.is_dir() {
            below(&path, &format!("{shown}/"), files);
        } else {
            let bytes = fs::read(&path).expect("a file");
            files.push(EmbeddedFile::new(shown.leak(), bytes.leak()));
        }
    }
}

#[test]
fn the_expected_schema() {
    const TABLE: (&str, &str) = ("a.sql", "CREATE TABLE t (n int);");
    const MORE: (&str, &str) = ("b.sql", "ALTER TABLE t ADD COLUMN name text;");

    // What a database is expected to be after the first migration.
    let model = TestDatabase::new();
    model.run(TABLE.1);
    let project = Project::on(&model);
    project
        .segue(&["write-schema", "--database-url", &model.url()])
        .expect_success();
    let folder = project.path().join("expected-schema");
    let mut files = Vec::new();
    below(&folder, "", &mut files);
    let expected: &'static [EmbeddedFile] = files.leak();
    let of = |migrations: &[(&str, &str)]| -> &'static Embedded {
        let embedded = *embedded(migrations);
        Box::leak(Box::new(
            embedded.expected_schema("expected-schema", expected),
        ))
    };

    let database = TestDatabase::new();
    let ready = Deployment::new(of(&[TABLE]))
        .database(database.url())
        .up()
        .done();
    assert!(ready.expect("ready").is_settled());

    let deployment = Deployment::new(of(&[TABLE, MORE])).database(database.url());
    deployment.check().expect("a valid folder");
    let error = deployment.up().done().expect_err("an error");
    assert_eq!(
        error.to_string(),
        "the schema is not as expected: table public.t\n\
         nothing was committed: the database is as it was"
    );
    assert_eq!(error.exit_status(), 4);

    // The same from a folder, and where it does not matter.
    for (name, text) in [TABLE, MORE] {
        project.file(name, text);
    }
    let folders = Migrations::folder(project.path().join("migrations")).expected_schema(&folder);
    let of_folders = Deployment::new(folders).database(database.url());
    let error = of_folders.up().done().expect_err("an error");
    assert!(
        error
            .to_string()
            .starts_with("the schema is not as expected"),
        "{error}"
    );
    let rules = SchemaRules::new()
        .ignore("column public.t.name")
        .expect("a pattern");
    let ready = of_folders.schema_rules(rules).up().done();
    assert!(ready.expect("ready").is_settled());
    let database = TestDatabase::new();
    let warned = deployment
        .database(database.url())
        .on_mismatch(OnMismatch::Warn);
    assert_eq!(warned.up().done().expect("ready").deployment(), Some(1));
}
