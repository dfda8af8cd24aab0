//! The same files by psql and by segue: the databases are equal afterwards,
//! as `pg_dump` shows them, rows included.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Project, TestDatabase, assert_text, dump, rich_schema};

mod generated;
mod written;

/// A file, and whether it runs in a transaction: as its header says.
struct File {
    name: String,
    text: Vec<u8>,
    in_transaction: bool,
}

impl File {
    fn new(index: usize, text: impl Into<Vec<u8>>) -> Self {
        let text = text.into();
        let header = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Self {
            name: format!("{index:04}.sql"),
            in_transaction: !header.ends_with(b"no-txn"),
            text,
        }
    }
}

/// What is in a database besides segue's own; none if no `pg_dump` is new
/// enough for the server.
fn content(database: &TestDatabase<'_>) -> Option<(String, std::path::PathBuf)> {
    let (text, pg_dump) = dump(database, &["--exclude-schema=segue"])?;
    let mut shown = String::new();
    for line in text.lines() {
        // A key made at random.
        if !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict") {
            writeln!(shown, "{line}").expect("to a string");
        }
    }
    Some((shown, pg_dump))
}

/// `psql -f` for each file, those of a transaction with `-1`.
fn by_psql(psql: &Path, files: &[File], database: &TestDatabase<'_>) {
    let folder = tempfile::tempdir().expect("a folder");
    for file in files {
        let path = folder.path().join(&file.name);
        std::fs::write(&path, &file.text).expect("a file");
        let mut command = Command::new(psql);
        command
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &database.url()])
            .env("PGCLIENTENCODING", "UTF8");
        if file.in_transaction {
            command.arg("-1");
        }
        let output = command.arg("-f").arg(&path).output().expect("psql");
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&file.text)
        );
    }
}

/// Runs the files by both, each in a database of its own that `prepare` has
/// been at.
#[track_caller]
fn compare(files: &[File], prepare: impl Fn(&TestDatabase<'_>)) {
    let (theirs, ours) = (TestDatabase::new(), TestDatabase::new());
    prepare(&theirs);
    prepare(&ours);
    let Some((_, pg_dump)) = content(&theirs) else {
        return;
    };
    by_psql(&pg_dump.with_file_name("psql"), files, &theirs);
    let project = Project::deploying(&ours);
    for file in files {
        project.write(&format!("migrations/{}", file.name), &file.text);
    }
    let run = project.segue(&["up"]);
    let shown = || {
        let files = files.iter().map(|file| String::from_utf8_lossy(&file.text));
        files.collect::<Vec<_>>().join("\n-- next file\n")
    };
    assert_eq!(run.status, 0, "{}\n{}", run.stderr, shown());
    project.has_nothing_to_do();
    let [theirs, ours] = [&theirs, &ours].map(|database| content(database).expect("as before").0);
    assert!(theirs == ours || differs(&ours, &theirs), "{}", shown());
}

/// Fails with the difference.
fn differs(ours: &str, theirs: &str) -> bool {
    assert_text("dump", ours, theirs);
    false
}

/// All kinds of objects, dumped and applied as a migration.
#[test]
fn the_dump_of_a_rich_schema_is_a_migration() {
    let source = TestDatabase::new();
    rich_schema(&source);
    source.run("CREATE TABLE public.odd (a text, b bytea); INSERT INTO public.odd VALUES (E'a\\tb\\\\.\\n\\\\.\\nc', '\\x00ff'), (NULL, ''), ('', NULL)");
    for options in [&[][..], &["--inserts", "--quote-all-identifiers"]] {
        let Some((mut text, _)) = dump(&source, options) else {
            return;
        };
        // As newer minor versions of pg_dump write it.
        if !text.contains("\\restrict ") {
            text = format!("\\restrict aB1\n\n{text}\n\\unrestrict aB1\n\n");
        }
        compare(&[File::new(1, text)], |_| ());
    }
}
