//! Two branches that meet, and the expected schema of another revision.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use segue::files::expected::{majors_at, read, read_at, write};
use segue::schema::Snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::tables;

/// A repository on branch `main`.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().expect("a folder"));
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs git; its output and whether it was content.
    fn try_git(&self, arguments: &[&str]) -> (String, bool) {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .expect("git");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (text, output.status.success())
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let (text, is_content) = self.try_git(arguments);
        assert!(is_content, "git {arguments:?}: {text}");
        text
    }

    /// Writes the expected schema and commits it.
    #[track_caller]
    fn commit(&self, snapshot: &Snapshot) {
        write(&self.path().join("expected-schema"), 17, snapshot).expect("written");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "a commit"]);
    }

    /// Two branches from `before`, merged; whether git could, and what is read
    /// then.
    #[track_caller]
    fn merge(before: &Snapshot, ours: &Snapshot, theirs: &Snapshot) -> Result<Snapshot, String> {
        let repository = Self::new();
        repository.commit(before);
        repository.git(&["checkout", "--quiet", "-b", "theirs"]);
        repository.commit(theirs);
        repository.git(&["checkout", "--quiet", "main"]);
        repository.commit(ours);
        let (text, is_merged) = repository.try_git(&["merge", "--no-edit", "theirs"]);
        let read = read(&repository.path().join("expected-schema"), 17);
        if is_merged {
            return Ok(read.expect("read").expect("there"));
        }
        let error = read.expect_err("conflicts are told");
        let path = repository.path().display().to_string();
        Err(format!("{text}{error}").replace(&path, "DIR"))
    }
}

fn columns(names: &[&str]) -> Value {
    let columns = names.iter().map(|name| {
        let column = json!({"type": "text", "not_null": true});
        ((*name).to_owned(), column)
    });
    json!({"columns": Value::Object(columns.collect())})
}

#[test]
fn two_branches_that_touch_different_objects_merge() {
    let merged = Repository::merge(
        &tables(&[("users", columns(&["id"])), ("old", columns(&["id"]))]),
        &tables(&[
            ("users", columns(&["id", "name"])),
            ("old", columns(&["id"])),
            ("orders", columns(&["id"])),
        ]),
        &tables(&[("users", columns(&["id"])), ("items", columns(&["id"]))]),
    );
    assert_eq!(
        merged,
        Ok(tables(&[
            ("users", columns(&["id", "name"])),
            ("orders", columns(&["id"])),
            ("items", columns(&["id"])),
        ]))
    );
}

#[test]
fn two_branches_that_touch_different_parts_of_an_object_merge() {
    let merged = Repository::merge(
        &tables(&[("users", columns(&["b", "d", "f"]))]),
        &tables(&[("users", columns(&["a", "b", "d", "f"]))]),
        &tables(&[("users", columns(&["b", "d", "e"]))]),
    );
    let both = tables(&[("users", columns(&["a", "b", "d", "e"]))]);
    assert_eq!(merged, Ok(both));
}

#[test]
fn two_branches_that_change_a_view_in_different_lines_merge() {
    let view = |first: &str, last: &str| {
        let lines = [first, "    , b", "    , c", "    , d", last];
        tables(&[("v", json!({"definition": lines.join("\n")}))])
    };
    let merged = Repository::merge(
        &view("SELECT a", "FROM t"),
        &view("SELECT 1", "FROM t"),
        &view("SELECT a", "FROM u"),
    );
    assert_eq!(merged, Ok(view("SELECT 1", "FROM u")));
}

#[test]
fn two_branches_that_touch_the_same_object_conflict() {
    let users = |kind: &str| tables(&[("users", json!({"columns": {"id": {"type": kind}}}))]);
    let merged = Repository::merge(&users("integer"), &users("bigint"), &users("uuid"));
    assert_eq!(
        merged,
        Err("\
Auto-merging expected-schema/pg17/public/table/users.json
CONFLICT (content): Merge conflict in expected-schema/pg17/public/table/users.json
Automatic merge failed; fix conflicts and then commit the result.
not part of an expected schema: `DIR/expected-schema/pg17/public/table/users.json`: line 4 is the \
mark of a merge conflict"
            .to_owned())
    );
}

#[test]
fn two_branches_that_add_the_same_object_differently_conflict() {
    let none = tables(&[]);
    let ours = tables(&[("users", columns(&["a"]))]);
    let theirs = tables(&[("users", columns(&["b"]))]);
    let merged = Repository::merge(&none, &ours, &theirs);
    let conflict = merged.expect_err("a conflict");
    assert!(
        conflict.contains("CONFLICT (add/add)")
            && conflict.contains("the mark of a merge conflict"),
        "{conflict}"
    );
}

#[test]
fn a_revision_is_read_without_touching_files() {
    let repository = Repository::new();
    let expected = repository.path().join("expected-schema");
    let first = tables(&[("a", columns(&["id"])), ("Ä/b", columns(&["id"]))]);
    let second = tables(&[("a", columns(&["id", "name"]))]);
    repository.commit(&first);
    fs::write(expected.join("pg17/README"), "kept").expect("written");
    repository.commit(&second);
    repository.git(&["tag", "v2"]);
    write(&expected, 17, &tables(&[])).expect("written");
    write(&expected, 18, &tables(&[])).expect("written");
    let at = |revision: &str| read_at(&expected, 17, revision).expect("read");
    assert_eq!(at("HEAD"), Some(second.clone()));
    assert_eq!(at("v2"), Some(second.clone()));
    assert_eq!(at("HEAD~1"), Some(first));
    assert_eq!(read_at(&expected, 18, "HEAD").expect("read"), None);
    assert_eq!(majors_at(&expected, "HEAD").expect("read"), [17]);
    // What is there today does not matter.
    fs::remove_dir_all(&expected).expect("removed");
    assert_eq!(at("main"), Some(second));
    let elsewhere = repository.path().join("db/expected-schema");
    assert_eq!(read_at(&elsewhere, 17, "HEAD").expect("read"), None);
    assert_eq!(
        majors_at(&elsewhere, "HEAD").expect("read"),
        Vec::<u32>::new()
    );
}

#[test]
fn links_are_followed_within_a_revision() {
    let repository = Repository::new();
    let real = repository.path().join("db/real");
    let schema = tables(&[("a", columns(&["id"]))]);
    fs::create_dir_all(&real).expect("a folder");
    symlink("db/real", repository.path().join("expected-schema")).expect("a link");
    repository.commit(&schema);
    symlink("pg17", real.join("pg16")).expect("a link");
    symlink("/etc", real.join("pg15")).expect("a link");
    symlink("pg14", real.join("pg14")).expect("a link");
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "-m", "links"]);
    let expected = repository.path().join("expected-schema");
    let at = |major| read_at(&expected, major, "HEAD").expect("read");
    assert_eq!(at(17), Some(schema.clone()));
    assert_eq!(at(16), Some(schema.clone()));
    assert_eq!(at(15), None);
    assert_eq!(at(14), None);
    // The link itself is gone today.
    fs::remove_file(&expected).expect("removed");
    assert_eq!(at(17), Some(schema));
}

#[test]
fn what_is_wrong_in_a_revision_is_told_with_it() {
    let repository = Repository::new();
    repository.commit(&tables(&[("a", columns(&["id"]))]));
    let expected = repository.path().join("expected-schema");
    fs::write(
        expected.join("pg17/public/table/a.json"),
        "{\n  \"x\": 1,\n}",
    )
    .expect("written");
    repository.git(&["commit", "--quiet", "-a", "-m", "by hand"]);
    let error = |revision: &str, folder: &Path| {
        let error = read_at(folder, 17, revision).expect_err("an error");
        error.to_string()
    };
    assert_eq!(
        error("HEAD", &expected),
        "not part of an expected schema: `HEAD:expected-schema/pg17/public/table/a.json`: line 3, \
         column 1: trailing comma"
    );
    assert_eq!(
        error("nothing", &expected),
        "git knows no revision `nothing` here"
    );
    assert_eq!(
        error("--help", &expected),
        "git knows no revision `--help` here"
    );
    let outside = tempfile::tempdir().expect("a folder");
    let told = error("HEAD", &outside.path().join("expected-schema"));
    // It goes on with how far it has looked.
    assert!(
        told.starts_with("git: not a git repository (or any "),
        "{told}"
    );
}
