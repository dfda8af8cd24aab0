use super::*;

/// A folder with a current version, and a new one beside it.
fn two() -> (tempfile::TempDir, Place, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::find(folder.path(), 17).expect("a place");
    let new = place.beside(Beside::New);
    for (version, at) in [("old", place.root()), ("new", new.clone())] {
        fs::create_dir(&at).expect("a folder");
        fs::write(at.join("version"), version).expect("a file");
    }
    (folder, place, new)
}

fn version(at: &Path) -> String {
    fs::read_to_string(at.join("version")).expect("a version")
}

#[test]
fn two_folders_change_places() {
    let (_folder, place, new) = two();
    swap(&place, &new).expect("swapped");
    assert_eq!(version(&place.root()), "new");
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert_eq!(version(&new), "old");
    }
}

#[test]
fn a_file_system_that_cannot_exchange_renames_twice() {
    let (folder, place, new) = two();
    rename_twice(&place, &new).expect("renamed");
    assert_eq!(version(&place.root()), "new");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_second_rename_that_fails_is_taken_back() {
    let (_folder, place, new) = two();
    fs::remove_dir_all(&new).expect("removed");
    rename_twice(&place, &new).expect_err("nothing to rename");
    assert_eq!(version(&place.root()), "old");
}

#[test]
fn killed_between_two_renames_the_old_one_is_found() {
    let (_folder, place, _new) = two();
    let old = place.beside(Beside::Old);
    fs::rename(place.root(), &old).expect("renamed");
    assert_eq!(place.present().expect("looked"), Some(old));
    let none = BTreeMap::new();
    assert!(!write(&place, &none).expect("written"));
    assert_eq!(version(&place.root()), "old");
    assert!(place.leftovers(Beside::New).expect("looked").is_empty());
}
