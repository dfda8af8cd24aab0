//! What PostgreSQL's own regression tests leave behind survives: read, kept on
//! disk, as a diff, and restored from a dump.

use std::collections::BTreeMap;

use segue::directive;
use segue::files::{self, expected};
use segue::schema::{Diff, Snapshot};

use crate::support::{
    Project, Server, TestDatabase, assert_same_snapshot, dump_and_restore, run_with_roles, snapshot,
};

fn corners() -> TestDatabase<'static> {
    let database = TestDatabase::new();
    run_with_roles(&database, "corners.sql", include_str!("corners.sql"));
    database
}

#[test]
fn corners_survive_a_dump() {
    let database = corners();
    let restored = TestDatabase::new();
    if dump_and_restore(&database, &restored) {
        let after = snapshot(&restored.url());
        assert_same_snapshot("what was restored", &after, &snapshot(&database.url()));
    }
}

#[test]
fn corners_are_seen_by_a_role_that_may_only_connect() {
    let database = corners();
    let stranger = database.role("stranger", "LOGIN");
    let seen = snapshot(&database.url_as(&stranger));
    assert_same_snapshot("what a stranger sees", &seen, &snapshot(&database.url()));
}

#[test]
fn corners_survive_disk_and_diff() {
    let database = corners();
    let snapshot = snapshot(&database.url());
    let major = Server::shared_major();
    let folder = tempfile::tempdir().expect("a folder");
    assert!(expected::write(folder.path(), major, &snapshot).expect("written"));
    let read = expected::read(folder.path(), major)
        .expect("read")
        .expect("there");
    assert_same_snapshot("what was read", &read, &snapshot);
    assert!(read == snapshot, "it only looks the same");
    assert!(!expected::write(folder.path(), major, &read).expect("written again"));

    let from_nothing = Diff::between(&Snapshot::default(), &snapshot);
    let parts = BTreeMap::from([(major, from_nothing.clone())]);
    let text = directive::with_schema_diff(
        "-- segue: begin-concurrent-migration-with: 1-a.sql\nSELECT 1;\n",
        &parts,
    );
    let project = Project::new();
    project.file("1-a.sql", "").file("2-b.sql", &text);
    let (migrations, diagnostics) =
        files::read(&[project.path().join("migrations")]).expect("a folder");
    assert_eq!(diagnostics, []);
    let stored = migrations.iter().find_map(|one| one.schema_diff.clone());
    assert!(
        stored == Some(parts.into()),
        "what was parsed is not what was written"
    );
    let mut made = Snapshot::default();
    from_nothing
        .apply(&mut made)
        .expect("nothing is in the way");
    assert!(made == snapshot, "made of nothing");
    from_nothing
        .inverse()
        .apply(&mut made)
        .expect("it is there");
    assert!(made == Snapshot::default(), "taken away again");
}
