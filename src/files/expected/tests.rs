use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::schema::{Attributes, Kind};

/// A snapshot of tables in `public`, and what each is.
fn tables(tables: &[(&str, serde_json::Value)]) -> Snapshot {
    let objects = tables.iter().map(|(name, attributes)| {
        let attributes = attributes.as_object().expect("a map").clone();
        (object(Some("public"), Kind::Table, name), attributes)
    });
    Snapshot {
        objects: objects.collect(),
    }
}

fn object(namespace: Option<&str>, kind: Kind, name: &str) -> ObjectId {
    ObjectId {
        namespace: namespace.map(ToOwned::to_owned),
        kind,
        name: name.to_owned(),
    }
}

fn users(column: &str) -> Snapshot {
    tables(&[
        ("users", json!({"columns": {column: {"type": "text"}}})),
        ("orders", json!({"columns": {"id": {"type": "bigint"}}})),
    ])
}

/// Files below a folder, sorted.
fn listed(folder: &Path) -> Vec<String> {
    fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                let below = path.strip_prefix(root).expect("below");
                found.push(below.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, folder, &mut found);
    found.sort();
    found
}

fn temporary() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = folder.path().join("expected-schema");
    (folder, expected)
}

#[track_caller]
fn check_read(folder: &Path, major: u32, expected: &Snapshot) {
    assert_eq!(
        &read(folder, major).expect("read").expect("there"),
        expected
    );
}

/// The error, with the folder left out.
#[track_caller]
fn check_error<T: std::fmt::Debug>(result: Result<T, Error>, folder: &Path, expected: &str) {
    let error = result.expect_err("an error");
    let text = error.to_string();
    let text = text.replace(&folder.display().to_string(), "DIR");
    assert_eq!(text, expected);
}

#[test]
fn each_object_has_a_file() {
    let (_folder, expected) = temporary();
    let mut snapshot = users("name");
    let more = [
        (None, Kind::Extension, "citext"),
        (None, Kind::Namespace, "public"),
        (None, Kind::Cast, "text AS integer"),
        (Some("@database"), Kind::Table, "t"),
        (Some("Public"), Kind::Table, "Users"),
        (Some("public"), Kind::Function, "f(integer, text)"),
        (Some("a/b"), Kind::Operator, "+(integer, integer)"),
    ];
    for (namespace, kind, name) in more {
        let id = object(namespace, kind, name);
        snapshot.objects.insert(id, Attributes::new());
    }
    assert!(write(&expected, 17, &snapshot).expect("written"));
    assert_eq!(
        listed(&expected),
        [
            "pg17/+(40)database/table/t.json",
            "pg17/+public/table/+users.json",
            "pg17/@database/cast/text +a+s integer.json",
            "pg17/@database/extension/citext.json",
            "pg17/@database/namespace/public.json",
            "pg17/a+(2f)b/operator/+(2b)(integer, integer).json",
            "pg17/public/function/f(integer, text).json",
            "pg17/public/table/orders.json",
            "pg17/public/table/users.json",
        ]
    );
    check_read(&expected, 17, &snapshot);
    assert_eq!(majors(&expected).expect("read"), [17]);
}

#[test]
fn what_is_not_there_is_none() {
    let (folder, expected) = temporary();
    assert_eq!(majors(&expected).expect("read"), Vec::<u32>::new());
    assert_eq!(read(&expected, 17).expect("read"), None);
    write(&expected, 17, &users("a")).expect("written");
    assert_eq!(read(&expected, 16).expect("read"), None);
    drop(folder);
}

#[test]
fn nothing_is_written_that_is_there_already() {
    let (_folder, expected) = temporary();
    assert!(write(&expected, 17, &users("a")).expect("written"));
    let file = expected.join("pg17/public/table/users.json");
    let before = fs::metadata(&file)
        .expect("there")
        .modified()
        .expect("a time");
    assert!(!write(&expected, 17, &users("a")).expect("the same"));
    assert!(write(&expected, 17, &tables(&[])).expect("written"));
    assert_eq!(listed(&expected), Vec::<String>::new());
    assert!(write(&expected, 17, &users("a")).expect("written"));
    assert!(
        fs::metadata(&file)
            .expect("there")
            .modified()
            .expect("a time")
            >= before
    );
}

#[test]
fn what_has_not_changed_stays_the_same_file() {
    use std::os::unix::fs::MetadataExt as _;
    let (_folder, expected) = temporary();
    write(&expected, 17, &users("a")).expect("written");
    let inode = |name: &str| {
        let file = expected.join("pg17/public/table").join(name);
        fs::metadata(file).expect("there").ino()
    };
    let before = (inode("orders.json"), inode("users.json"));
    assert!(write(&expected, 17, &users("b")).expect("written"));
    assert_eq!(inode("orders.json"), before.0);
    assert_ne!(inode("users.json"), before.1);
    check_read(&expected, 17, &users("b"));
}

#[test]
fn line_ends_of_windows_are_no_change() {
    let (_folder, expected) = temporary();
    write(&expected, 17, &users("a")).expect("written");
    let file = expected.join("pg17/public/table/users.json");
    let text = fs::read_to_string(&file)
        .expect("there")
        .replace('\n', "\r\n");
    fs::write(&file, &text).expect("written");
    check_read(&expected, 17, &users("a"));
    assert!(!write(&expected, 17, &users("a")).expect("the same"));
    assert_eq!(fs::read_to_string(&file).expect("there"), text);
}

#[test]
fn other_majors_and_what_is_not_ours_stay() {
    let (_folder, expected) = temporary();
    write(&expected, 16, &users("a")).expect("written");
    write(&expected, 17, &users("a")).expect("written");
    let strangers = [
        ".gitattributes",
        "README.md",
        "pg17/README",
        "pg17/.gitkeep",
        "pg17/.idea/x/settings.json",
        "pg17/public/table/users.json~",
        "pg17/public/table/users.json.orig",
        "pg17/public/table/.users.json.swp",
        "pg17/gone/table/notes.txt",
    ];
    for path in strangers {
        let path = expected.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "kept").expect("written");
    }
    symlink("nowhere", expected.join("pg17/link")).expect("a link");
    assert!(!write(&expected, 17, &users("a")).expect("the same"));
    assert!(write(&expected, 17, &users("b")).expect("written"));
    for path in strangers {
        assert_eq!(fs::read_to_string(expected.join(path)).expect(path), "kept");
    }
    let link = fs::read_link(expected.join("pg17/link")).expect("a link");
    assert_eq!(link, Path::new("nowhere"));
    check_read(&expected, 16, &users("a"));
    check_read(&expected, 17, &users("b"));
    assert_eq!(majors(&expected).expect("read"), [16, 17]);
}

#[test]
fn folders_that_are_no_majors() {
    let (_folder, expected) = temporary();
    for name in [
        "pg17",
        "pg9",
        "pg017",
        "pg",
        "pgx",
        "pg17a",
        ".pg18.new.0123456789abcdef",
    ] {
        fs::create_dir_all(expected.join(name)).expect("a folder");
    }
    fs::write(expected.join("pg15"), "a file").expect("written");
    assert_eq!(majors(&expected).expect("read"), [9, 17]);
}

#[test]
fn symbolic_links_stay() {
    let (folder, expected) = temporary();
    let real = folder.path().join("elsewhere/real");
    let store = folder.path().join("store");
    fs::create_dir_all(&real).expect("a folder");
    fs::create_dir_all(&store).expect("a folder");
    symlink("elsewhere/real", &expected).expect("a link");
    symlink(&store, real.join("pg18-store")).expect("a link");
    // To what is not there yet.
    symlink("pg18-store/eighteen", real.join("pg18")).expect("a link");
    for major in [17, 18] {
        assert!(write(&expected, major, &users("a")).expect("written"));
        assert!(write(&expected, major, &users("b")).expect("written"));
        check_read(&expected, major, &users("b"));
    }
    assert!(expected.is_symlink() && real.join("pg18").is_symlink());
    assert!(!real.join("pg17").is_symlink());
    assert_eq!(listed(&store).len(), 2);
    assert_eq!(fs::read_dir(&store).expect("a folder").count(), 1);
    assert_eq!(majors(&expected).expect("read"), [17, 18]);
}

#[test]
fn links_that_go_round_are_an_error() {
    let (folder, expected) = temporary();
    fs::create_dir(&expected).expect("a folder");
    symlink("pg17", expected.join("pg17")).expect("a link");
    check_error(
        read(&expected, 17),
        folder.path(),
        "cannot read the folder `DIR/expected-schema/pg17`",
    );
}

#[test]
fn what_segue_does_not_write_is_told() {
    let (folder, expected) = temporary();
    write(&expected, 17, &users("a")).expect("written");
    let root = expected.join("pg17");
    let table = root.join("public/table");
    let long = "x".repeat(200);
    let cut = escape::escape(&long);
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    };
    put("stray.json", "{}");
    put("public/gizmo/a.json", "{}");
    put("public/table/Users.json", "{}");
    put("public/table/deep/a.json", "{}");
    put("Public/table/a.json", "{}");
    symlink("users.json", table.join("linked.json")).expect("a link");
    symlink("table", root.join("public/view")).expect("a link");
    check_error(
        write(&expected, 17, &users("b")),
        folder.path(),
        "7 files are not part of an expected schema, the first is \
         `DIR/expected-schema/pg17/Public/table/a.json`: `Public` is not how segue writes a name: \
         was it renamed, or made by hand?",
    );
    assert!(table.join("users.json").exists());
    // What is inside matters to readers alone.
    put(&format!("public/table/{cut}.json"), "{}");
    put("public/table/b.json", r#"{"@name": "b"}"#);
    put("public/table/users.json", "{\n<<<<<<< HEAD\n");
    let Err(Error::Malformed(problems)) = read(&expected, 17) else {
        panic!("malformed");
    };
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| {
            problem
                .to_string()
                .replace(&root.display().to_string(), "")
                .replace(&cut, "CUT")
        })
        .collect();
    assert_eq!(
        problems.join("\n"),
        "\
`/Public/table/a.json`: `Public` is not how segue writes a name: was it renamed, or made by hand?
`/public/gizmo/a.json`: `gizmo` is no kind of object that this version of segue knows
`/public/table/Users.json`: `Users` is not how segue writes a name: was it renamed, or made by hand?
`/public/table/b.json`: `@name` is not the name in the path
`/public/table/deep/a.json`: files of objects are at `<namespace>/<kind>/<object>.json` below `pgNN`
`/public/table/linked.json`: it is a symbolic link; only `pgNN` and the folder that it is in can be
`/public/table/users.json`: line 2 is the mark of a merge conflict
`/public/table/CUT.json`: `CUT` is a cut name, and there is no `@name`
`/public/view`: it is a symbolic link; only `pgNN` and the folder that it is in can be
`/stray.json`: files of objects are at `<namespace>/<kind>/<object>.json` below `pgNN`"
    );
}

#[test]
fn a_merge_conflict_can_be_written_over() {
    let (folder, expected) = temporary();
    write(&expected, 17, &users("a")).expect("written");
    let file = expected.join("pg17/public/table/users.json");
    fs::write(&file, "{\n<<<<<<< HEAD\n").expect("written");
    check_error(
        read(&expected, 17),
        folder.path(),
        "not part of an expected schema: `DIR/expected-schema/pg17/public/table/users.json`: line \
         2 is the mark of a merge conflict",
    );
    assert!(write(&expected, 17, &users("a")).expect("written"));
    check_read(&expected, 17, &users("a"));
}

#[test]
fn what_dead_writers_left_is_removed() {
    let (_folder, expected) = temporary();
    write(&expected, 17, &users("a")).expect("written");
    let left = expected.join(".pg17.new.0123456789abcdef");
    let others = expected.join(".pg16.new.0123456789abcdef");
    let users_own = expected.join(".pg17.new.mine");
    for folder in [&left, &others, &users_own] {
        fs::create_dir_all(folder.join("public")).expect("a folder");
    }
    check_read(&expected, 17, &users("a"));
    assert!(!write(&expected, 17, &users("a")).expect("the same"));
    assert!(!left.exists() && others.exists() && users_own.exists());
}

#[test]
fn what_was_written_first_can_be_taken_back() {
    let (folder, expected) = temporary();
    remove(&expected, 17).expect("nothing to remove");
    write(&expected, 16, &users("a")).expect("written");
    write(&expected, 17, &users("a")).expect("written");
    remove(&expected, 17).expect("removed");
    assert_eq!(majors(&expected).expect("read"), [16]);
    assert_eq!(fs::read_dir(&expected).expect("a folder").count(), 1);
    remove(&expected, 16).expect("removed");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn two_writers_wait_for_each_other_and_readers_see_one_version() {
    let (_folder, expected) = temporary();
    let versions = [users("a"), users("b"), tables(&[("c", json!({"x": 1}))])];
    write(&expected, 17, &versions[0]).expect("written");
    std::thread::scope(|scope| {
        for version in &versions {
            let expected = &expected;
            scope.spawn(move || {
                for _ in 0..30 {
                    write(expected, 17, version).expect("written");
                    std::thread::sleep(Duration::from_micros(fastrand::u64(0..500)));
                }
            });
        }
        for _ in 0..100 {
            let found = read(&expected, 17).expect("read").expect("there");
            assert!(versions.contains(&found));
        }
    });
    assert_eq!(fs::read_dir(&expected).expect("a folder").count(), 1);
}

#[test]
fn a_read_only_folder_above_does_not_matter() {
    let (folder, expected) = temporary();
    fs::create_dir(&expected).expect("a folder");
    let above = fs::Permissions::from_mode(0o555);
    fs::set_permissions(folder.path(), above).expect("read-only");
    write(&expected, 17, &users("a")).expect("written");
    write(&expected, 17, &users("b")).expect("written");
    check_read(&expected, 17, &users("b"));
    let above = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), above).expect("writable");
}

#[test]
fn a_file_in_the_way_is_an_error() {
    let (folder, expected) = temporary();
    fs::write(&expected, "a file").expect("written");
    check_error(
        write(&expected, 17, &users("a")),
        folder.path(),
        "cannot make the folder `DIR/expected-schema`",
    );
    check_error(
        read(&expected, 17),
        folder.path(),
        "cannot read the folder `DIR/expected-schema`",
    );
    check_error(
        majors(&expected),
        folder.path(),
        "cannot read the folder `DIR/expected-schema`",
    );
    assert_eq!(fs::read_to_string(&expected).expect("there"), "a file");
}

/// Identifiers that tools stumble over.
fn identifiers() -> impl Strategy<Value = String> {
    let odd = [
        "a/b",
        "..",
        ".",
        "CON",
        "con",
        "nul.txt",
        "Users",
        "users",
        "USERS",
        " ",
        "a ",
        "a.",
        "\t",
        "\n",
        "ü",
        "u\u{308}",
        "日本語",
        "-x",
        "@database",
        "+users",
        "++",
        "a++b",
        "~",
    ];
    prop_oneof![
        prop::sample::select(odd.to_vec()).prop_map(ToOwned::to_owned),
        "\\PC{1,63}",
        "[a-z(), ]{100,300}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_is_written_is_read(
        ids in prop::collection::btree_set(
            (prop::option::of(identifiers()), prop::sample::select(Kind::ALL.to_vec()), identifiers()),
            0..50,
        ),
    ) {
        let (_folder, expected) = temporary();
        let objects = ids.into_iter().map(|(namespace, kind, name)| {
            let attributes = json!({"comment": name});
            let attributes = attributes.as_object().expect("a map").clone();
            (ObjectId { namespace, kind, name }, attributes)
        });
        let snapshot = Snapshot { objects: objects.collect() };
        write(&expected, 15, &snapshot).expect("written");
        prop_assert_eq!(read(&expected, 15).expect("read"), Some(snapshot));
    }
}
