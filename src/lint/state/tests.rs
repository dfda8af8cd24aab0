use super::super::tests::files;
use super::*;
use crate::lint::Text;
use crate::statement::with_trees;

/// What is known after these files.
fn after(texts: &[&str]) -> State {
    let names = ["a.sql", "b.sql", "c.sql"];
    let texts: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().copied()).collect();
    let mut state = State::new(Release::Together);
    for (file, _) in files(&texts) {
        state.begin(&file);
        let sqls: Vec<Option<&str>> = file.statements.iter().map(Text::parsed).collect();
        with_trees(&sqls, |trees| {
            for node in trees.flatten() {
                state.apply(node);
            }
        });
    }
    state
}

#[test]
fn tables_are_followed_by_their_names() {
    let state = after(&[
        "CREATE TABLE t (a varchar(10), b numeric(8, 2)[], c app.mood NOT NULL);
         ALTER TABLE t RENAME TO u;
         ALTER TABLE u RENAME a TO z;
         ALTER TABLE u SET SCHEMA app",
    ]);
    assert!(state.relation(&RelationName::bare("t")).is_none());
    let name = RelationName::qualified("app", "u");
    let columns = &state.relation(&name).expect("known").columns;
    let columns: Vec<String> = columns
        .iter()
        .map(|(name, column)| {
            let data_type = column.data_type.as_ref().expect("known");
            format!("{name} {data_type} {}", column.is_not_null)
        })
        .collect();
    assert_eq!(
        columns,
        [
            "b numeric(8, 2)[] false",
            "c app.mood true",
            "z varchar(10) false"
        ]
    );
}

#[test]
fn a_check_proves_only_when_valid() {
    let added =
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL AND (b) IS NOT NULL) NOT VALID";
    let proves = |texts: &[&str], column: &str| {
        let state = after(texts);
        let table = state.relation(&RelationName::bare("t")).expect("known");
        table.proves_not_null(column)
    };
    assert!(!proves(&[added], "a"));
    let validated = "ALTER TABLE t VALIDATE CONSTRAINT c";
    assert!(proves(&[added, validated], "a"));
    assert!(proves(&[added, validated], "b"));
    assert!(!proves(&[added, validated], "x"));
    assert!(!proves(
        &[added, validated, "ALTER TABLE t DROP CONSTRAINT c"],
        "a"
    ));
}

#[test]
fn what_is_dropped_and_made_again_is_new() {
    let state = after(&[
        "CREATE TABLE t (a int)",
        "DROP TABLE IF EXISTS t; CREATE TABLE t (b int)",
    ]);
    let table = state.relation(&RelationName::bare("t")).expect("known");
    assert_eq!(table.made, Some(1));
    assert!(!table.columns.contains_key("a"));
}

#[test]
fn values_of_an_enum_that_is_there_are_uncommitted() {
    let values = |texts: &[&str]| {
        let state = after(texts);
        let values = state.uncommitted_values();
        values
            .map(|(name, value)| format!("{name} {value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&["ALTER TYPE app.e ADD VALUE 'x'"]), ["app.e x"]);
    assert_eq!(values(&["ALTER TYPE e ADD VALUE 'x'", "SELECT 1"]), [""; 0]);
    assert_eq!(
        values(&["CREATE TYPE e AS ENUM ('a'); ALTER TYPE e ADD VALUE 'x'"]),
        [""; 0]
    );
}
