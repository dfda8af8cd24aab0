//! The expected schema on disk: killed writers, full disks, folders that cannot
//! be written, and what git makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use segue::files::expected::{read, write};
use segue::schema::{Kind, ObjectId, Snapshot};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{wait_for, wait_until};

mod git;

/// A snapshot of tables in `public`.
fn tables(tables: &[(&str, Value)]) -> Snapshot {
    let objects = tables.iter().map(|(name, attributes)| {
        let id = ObjectId {
            namespace: Some("public".to_owned()),
            kind: Kind::Table,
            name: (*name).to_owned(),
        };
        (id, attributes.as_object().expect("a map").clone())
    });
    Snapshot {
        objects: objects.collect(),
    }
}

/// Many tables of about 2 kB, all with this comment.
fn many(comment: &str) -> Snapshot {
    let names: Vec<String> = (0..60).map(|number| format!("t{number}")).collect();
    let text = comment.repeat(2000);
    let all: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), json!({"comment": text})))
        .collect();
    tables(&all)
}

fn temporary() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = folder.path().join("expected-schema");
    (folder, expected)
}

const FOLDER: &str = "SEGUE_TEST_EXPECTED_FOLDER";

/// A process that runs one of the tests below that begin with `child_`.
fn child(test: &str, folder: &Path) -> Vec<String> {
    let program = std::env::current_exe().expect("this program");
    let program = program.to_str().expect("UTF-8").to_owned();
    let setting = format!("{FOLDER}={}", folder.display());
    let name = format!("expected::{test}");
    let words = [
        "env",
        &setting,
        &program,
        "--exact",
        &name,
        "--ignored",
        "--nocapture",
    ];
    words.map(ToOwned::to_owned).to_vec()
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

fn folder_of_child() -> PathBuf {
    std::env::var_os(FOLDER)
        .expect("run by another test")
        .into()
}

#[test]
#[ignore = "run by another test"]
fn child_that_writes_for_ever() {
    let folder = folder_of_child();
    loop {
        write(&folder, 17, &many("a")).expect("written");
        write(&folder, 17, &many("b")).expect("written");
    }
}

#[test]
#[ignore = "run by another test"]
#[expect(clippy::print_stdout, reason = "the other test reads it")]
fn child_that_writes_once() {
    match write(&folder_of_child(), 17, &many("b")) {
        Ok(is_changed) => println!("written: {is_changed}"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            println!("error: {error}: {}", cause.unwrap_or_default());
        }
    }
}

/// What [`child_that_writes_once`] said.
#[track_caller]
fn said(command: &mut Command, folder: &Path) -> String {
    let output = command.output().expect("the child");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let line = stdout
        .lines()
        .find(|line| line.starts_with("written: ") || line.starts_with("error: "));
    let line = line.unwrap_or_else(|| panic!("{output:?}"));
    let line = line.replace(&folder.display().to_string(), "DIR");
    let unique = regex::Regex::new("[0-9a-f]{16}").expect("a pattern");
    unique.replace_all(&line, "UNIQUE").into_owned()
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn a_writer_that_is_killed_leaves_the_old_or_the_new_version() {
    let (_folder, expected) = temporary();
    let versions = [many("a"), many("b")];
    write(&expected, 17, &versions[0]).expect("written");
    let words = child("child_that_writes_for_ever", &expected);
    let mut were_left = 0;
    for _ in 0..25 {
        let mut child = command(&words)
            .stdout(Stdio::null())
            .spawn()
            .expect("a child");
        let file = expected.join("pg17/public/table/t0.json");
        let first = fs::metadata(&file).expect("there").modified().ok();
        wait_until("the child to write", || {
            fs::metadata(&file).is_ok_and(|file| file.modified().ok() != first)
        });
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..20_000)));
        child.kill().expect("killed");
        child.wait().expect("dead");
        let found = read(&expected, 17).expect("read").expect("there");
        assert!(versions.contains(&found), "neither the old nor the new");
        were_left += usize::from(count(&expected) > 1);
        let other = versions.iter().find(|version| **version != found);
        assert!(write(&expected, 17, other.expect("two")).expect("written"));
        assert_eq!(count(&expected), 1, "what the dead left is removed");
    }
    assert!(were_left > 0, "no writer was killed half-way");
}

#[test]
fn a_full_disk_changes_nothing() {
    let (_folder, expected) = temporary();
    write(&expected, 17, &tables(&[("t0", json!({}))])).expect("written");
    let words = child("child_that_writes_once", &expected);
    // A limit for files is as good as a disk's end, and needs no rights.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$@\"", "sh"]);
    assert_eq!(
        said(shell.args(&words), &expected),
        "error: cannot write `DIR/.pg17.new.UNIQUE/public/table/t0.json`: File too large (os error 27)"
    );
    let found = read(&expected, 17).expect("read").expect("there");
    assert_eq!(found, tables(&[("t0", json!({}))]));
    assert_eq!(count(&expected), 1);
    assert_eq!(said(&mut command(&words), &expected), "written: true");
}

#[test]
fn a_small_file_system_changes_nothing() {
    if !nix::unistd::geteuid().is_root() {
        // Only root may mount; `a_full_disk_changes_nothing` is for all.
        return;
    }
    let (_folder, expected) = temporary();
    fs::create_dir(&expected).expect("a folder");
    let words = child("child_that_writes_once", &expected);
    let script = "mount -t tmpfs -o size=80k none \"$1\" || exit; shift; \
                  mkdir -p \"$0/pg17/public/table\"; echo '{}' > \"$0/pg17/public/table/t0.json\"; \
                  \"$@\"; find \"$0\" -type f";
    let mut shell = Command::new("unshare");
    shell
        .args(["-m", "sh", "-c", script])
        .arg(&expected)
        .arg(&expected);
    let output = shell.args(&words).output().expect("unshare");
    let stdout = String::from_utf8_lossy(&output.stdout);
    if String::from_utf8_lossy(&output.stderr).contains("mount:") || !output.status.success() {
        // A container without the right to.
        return;
    }
    assert!(stdout.contains("No space left on device"), "{output:?}");
    let files: Vec<_> = stdout
        .lines()
        .filter(|line| line.starts_with('/'))
        .collect();
    let only = expected.join("pg17/public/table/t0.json");
    assert_eq!(files, [only.to_str().expect("UTF-8")]);
}

/// A command as a user without rights, and a folder of that user's.
fn as_nobody(words: &[String], folders: &[&Path]) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = command(words);
    if nix::unistd::geteuid().is_root() {
        let nobody = nix::unistd::User::from_name("nobody");
        let nobody = nobody.expect("users").expect("nobody");
        for folder in folders {
            std::os::unix::fs::chown(folder, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw()))
                .expect("given away");
        }
        command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
    }
    command
}

fn set_mode(folder: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_read_only_folder_is_an_error() {
    let (folder, expected) = temporary();
    write(&expected, 17, &tables(&[("t0", json!({}))])).expect("written");
    let words = child("child_that_writes_once", &expected);
    let mut command = as_nobody(&words, &[folder.path(), &expected]);
    set_mode(&expected, 0o555);
    assert_eq!(
        said(&mut command, &expected),
        "error: cannot make the folder `DIR/.pg17.new.UNIQUE`: Permission denied (os error 13)"
    );
    set_mode(&expected, 0o755);
    let found = read(&expected, 17).expect("read").expect("there");
    assert_eq!(found, tables(&[("t0", json!({}))]));
    assert_eq!(count(&expected), 1);
}

#[test]
fn nothing_to_write_needs_no_right_to() {
    let (folder, expected) = temporary();
    write(&expected, 17, &many("b")).expect("written");
    let words = child("child_that_writes_once", &expected);
    let mut command = as_nobody(&words, &[folder.path(), &expected]);
    set_mode(&expected, 0o555);
    assert_eq!(said(&mut command, &expected), "written: false");
    set_mode(&expected, 0o755);
}

#[test]
fn only_the_folder_itself_has_to_be_writable() {
    let (folder, expected) = temporary();
    fs::create_dir(&expected).expect("a folder");
    let words = child("child_that_writes_once", &expected);
    let mut command = as_nobody(&words, &[folder.path(), &expected]);
    set_mode(folder.path(), 0o555);
    assert_eq!(said(&mut command, &expected), "written: true");
    set_mode(folder.path(), 0o755);
    let found = wait_for("the schema", || read(&expected, 17).ok().flatten());
    assert_eq!(found, many("b"));
}
