use super::*;
use crate::history::{Record, State};
use crate::migration::Kind;

fn checksum(text: char) -> Checksum {
    Checksum([u8::try_from(text).expect("ASCII"); 32])
}

/// `a=X` is a file or row of this name and text; a row with `!` failed, with
/// `~` was given up.
fn pairs(text: &str) -> impl Iterator<Item = (Name, Checksum, State)> {
    text.split_whitespace().map(|word| {
        let (name, rest) = word.split_once('=').expect("a text");
        let state = match rest.get(1..) {
            Some("!") => State::Failed(String::new()),
            Some("~") => State::Abandoned,
            _ => State::Applied,
        };
        let text = rest.chars().next().expect("a text");
        (Name::new(name), checksum(text), state)
    })
}

fn migration(name: &Name, checksum: Checksum) -> Migration {
    Migration {
        checksum,
        ..Migration::example(name.as_str(), Kind::Batch)
    }
}

#[track_caller]
fn check(rows: &str, files: &str, expected: &str) {
    let mut history = History::default();
    for (name, checksum, state) in pairs(rows) {
        let record = Record {
            checksum,
            state,
            kind: Kind::Batch,
            deployment: None,
            at: String::new(),
            schema_diff: None,
            schema_version: None,
        };
        history.records.insert(name, record);
    }
    let count = history.records.len();
    let migrations: Vec<Migration> = pairs(files)
        .map(|(name, checksum, _)| migration(&name, checksum))
        .collect();
    history.follow("main", &migrations);
    let renamed: Vec<String> = history
        .renamed
        .iter()
        .map(|one| format!("{}>{}", one.from, one.to))
        .collect();
    assert_eq!(renamed.join(" "), expected, "{rows} against {files}");
    assert_eq!(history.records.len(), count, "no row is lost");
    for one in &history.renamed {
        assert!(history.records.contains_key(&one.to));
    }
}

#[test]
fn a_row_without_its_file_is_found_by_its_text() {
    check("1=A 2=B", "1=A 3=B", "2>3");
    check("1=A 2=B!", "1=A 3=B", "2>3");
    check("1=A 2=B", "1=A", "");
    check("1=A 2=B", "1=A 2=B 3=C", "");
}

#[test]
fn a_copy_is_a_new_migration() {
    check("1=A", "1=A 2=A", "");
    check("1=A 2=A", "1=A 3=A", "2>3");
}

#[test]
fn what_was_given_up_may_be_written_again() {
    check("1=A 2=B~", "1=A 3=B", "");
}

#[test]
fn equal_texts_are_paired_in_order() {
    check("1=A 2=A", "3=A 4=A", "1>3 2>4");
    check("1=A", "3=A 4=A", "1>3");
    check("1=A 2=A", "3=A", "1>3");
}

#[test]
fn files_that_make_room_are_followed() {
    check("1=A 2=B 3=C", "1=A 2=X 3=B 4=C", "2>3 3>4");
    check("1=A 2=B", "2=A 3=B", "1>2 2>3");
    check("1=A 2=B", "1=B 2=A", "1>2 2>1");
}

#[test]
fn a_name_that_stays_in_use_is_not_taken() {
    check("1=A 2=B", "2=A", "");
    check("1=A 2=B 3=C", "2=A 3=B", "");
}

#[test]
fn an_edited_file_is_not_renamed() {
    check("1=A", "1=B", "");
    check("1=A", "1=B 2=C", "");
}

#[test]
fn locks_and_tails_get_the_new_names() {
    let mut history = History::default();
    let (old, new) = (Name::new("1"), Name::new("2"));
    let record = Record {
        checksum: checksum('A'),
        state: State::Begun,
        kind: Kind::Concurrent,
        deployment: Some(1),
        at: String::new(),
        schema_diff: None,
        schema_version: None,
    };
    history.records.insert(old.clone(), record);
    history.locks.insert(LockKey::migration("main", &old), 7);
    history.follow("main", &[migration(&new, checksum('A'))]);
    assert_eq!(
        history.progress("main", &new),
        crate::history::Progress::Running(7)
    );
    assert!(!history.records.contains_key(&old));
}
