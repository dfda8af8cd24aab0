use super::*;
use crate::migration::{Kind, Migration};
use crate::text::{Source, Span};
use crate::version::Version;

/// Tables `1:a 2:b`, in namespace public, of one column each.
fn tables(shorthand: &str) -> Vec<Table> {
    let tables = shorthand.split_whitespace().map(|one| {
        let (oid, name) = one.split_once(':').expect("oid:name");
        let (namespace, name) = name.split_once('.').unwrap_or(("public", name));
        Table {
            oid: oid.parse().expect("a number"),
            name: TableName {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                quoted: format!("{namespace}.{name}"),
            },
            columns: vec!["id".to_owned(), "\"Mail\"".to_owned()],
            ..Table::default()
        }
    });
    tables.collect()
}

/// References `1>2 2>1`.
fn references(shorthand: &str) -> Vec<Reference> {
    let references = shorthand.split_whitespace().map(|one| {
        let (from, to) = one.split_once('>').expect("from>to");
        let from = from.parse().expect("a number");
        Reference {
            from,
            covers: BTreeSet::from([from]),
            to: to.parse().expect("a number"),
            target: String::new(),
            condition: String::new(),
        }
    });
    references.collect()
}

#[track_caller]
fn check_order(of: &str, by: &str, expected: &str) {
    let tables = tables(of);
    let ordered = order(&tables, &references(by));
    let names: Vec<&str> = ordered
        .into_iter()
        .map(|place| tables[place].name.name.as_str())
        .collect();
    assert_eq!(names.join(" "), expected);
}

#[test]
fn who_is_referred_to_comes_first_and_else_the_name_decides() {
    check_order("1:b 2:a 3:c", "", "a b c");
    check_order("1:a 2:b 3:c", "1>2 2>3", "c b a");
    check_order("1:a 2:b 3:c", "1>3", "b c a");
}

#[test]
fn a_cycle_does_not_hold_up_anybody() {
    check_order("1:a 2:b", "1>1 2>2", "a b");
    check_order("1:a 2:b", "1>2 2>1", "a b");
    check_order("1:a 2:b 3:c 4:d", "1>2 2>1 1>3 4>1", "c a b d");
    // Whoever is not there is not waited for.
    check_order("1:a", "1>9 9>1", "a");
}

#[test]
fn emptied_is_also_who_refers() {
    let all = with_referrers(&BTreeSet::from([1]), &references("2>1 3>2 1>4"));
    assert_eq!(all, BTreeSet::from([1, 2, 3]));
}

#[test]
fn a_closure_hands_out_each_row_once() {
    let mut closure = Closure::default();
    closure.add(7, "(0,1)".to_owned());
    closure.add(7, "(0,2)".to_owned());
    closure.add(7, "(0,1)".to_owned());
    assert_eq!(closure.next(1), Some((7, vec!["(0,1)".to_owned()])));
    // A row that refers to itself, or comes back by a cycle.
    closure.add(7, "(0,1)".to_owned());
    closure.add(8, "(0,1)".to_owned());
    assert_eq!(closure.next(9), Some((7, vec!["(0,2)".to_owned()])));
    assert_eq!(closure.next(9), Some((8, vec!["(0,1)".to_owned()])));
    assert_eq!(closure.next(9), None);
    let counts: Vec<(u32, usize)> = closure
        .chosen()
        .iter()
        .map(|(relation, places)| (*relation, places.len()))
        .collect();
    assert_eq!(counts, [(7, 2), (8, 1)]);
}

#[test]
fn tables_and_columns_are_meant_with_their_namespace_or_without() {
    let tables = tables("1:users 2:sales.orders");
    let query = Choice::Query("SELECT 1".to_owned());
    let choices = Choices {
        first: 3,
        rows: BTreeMap::from([
            ("public.users".to_owned(), Choice::All),
            ("sales.orders".to_owned(), query.clone()),
        ]),
        replace: BTreeMap::from([("users.Mail".to_owned(), "'x'".to_owned())]),
    };
    assert_eq!(choices.of(&tables[0]), Choice::All);
    assert_eq!(choices.of(&tables[1]), query);
    assert_eq!(choices.replacement(&tables[0], "\"Mail\""), Some("'x'"));
    assert_eq!(choices.replacement(&tables[0], "id"), None);
    assert_eq!(choices.replacement(&tables[1], "\"Mail\""), None);
    assert_eq!(choices.unknown(&tables), []);
    assert_eq!(Choices::default().of(&tables[0]), Choice::First(50));
}

#[test]
fn a_whole_name_comes_before_a_bare_one_and_a_child_is_masked_like_its_parent() {
    let mut tables = tables("1:users 2:zoo.users 3:child 4:other");
    tables[2].inherits = vec![tables[1].name.clone(), tables[0].name.clone()];
    tables[3].inherits = tables[2].inherits.clone();
    let text = |text: &str| text.to_owned();
    let choices = Choices {
        rows: BTreeMap::from([
            (text("users"), Choice::None),
            (text("zoo.users"), Choice::All),
        ]),
        replace: BTreeMap::from([
            (text("other.Mail"), text("'own'")),
            (text("users.Mail"), text("'all'")),
            (text("zoo.users.Mail"), text("'zoo'")),
        ]),
        ..Choices::default()
    };
    assert_eq!(choices.of(&tables[0]), Choice::None);
    assert_eq!(choices.of(&tables[1]), Choice::All);
    assert_eq!(choices.of_other(&tables[1]), Choice::All);
    let bare = Choices {
        rows: BTreeMap::from([(text("users"), Choice::All)]),
        ..Choices::default()
    };
    assert_eq!(bare.of_other(&tables[1]), Choice::None);
    let masks = tables
        .iter()
        .map(|table| choices.replacement(table, "\"Mail\""));
    let masks: Vec<&str> = masks.flatten().collect();
    assert_eq!(masks, ["'all'", "'zoo'", "'zoo'", "'own'"]);
}

#[test]
fn what_is_misspelt_is_told_with_what_was_meant() {
    let tables = tables("1:users 2:sales.orders");
    let choices = Choices {
        rows: BTreeMap::from([
            ("sales.order".to_owned(), Choice::All),
            ("xyz".to_owned(), Choice::None),
        ]),
        replace: BTreeMap::from([("users.Mial".to_owned(), "''".to_owned())]),
        ..Choices::default()
    };
    let unknown = |name: &str, near: Option<&str>| Unknown {
        name: name.to_owned(),
        near: near.map(ToOwned::to_owned),
    };
    assert_eq!(
        choices.unknown(&tables),
        [
            unknown("sales.order", Some("sales.orders")),
            unknown("xyz", None),
            unknown("users.Mial", Some("users.Mail")),
        ]
    );
}

#[test]
fn the_file_is_sql() {
    let rows = |table: &str, data: &str| Rows {
        table: table.to_owned(),
        columns: vec!["id".to_owned(), "name".to_owned()],
        data: data.to_owned(),
    };
    let sample = Sample {
        state: "3.1.0".to_owned(),
        migration: "7.sql".to_owned(),
        emptied: vec!["public.a".to_owned(), "public.b".to_owned()],
        empties_others: false,
        rows: vec![rows("public.a", "1\tAda\n2\t\\N\n"), rows("public.b", "")],
        sequences: vec!["SELECT setval('public.a_id_seq', 2, true)".to_owned()],
    };
    assert_eq!((sample.count(), sample.tables()), (2, 1));
    assert_eq!(
        sample.text(),
        "\
-- snapshot: 3.1.0
-- migration: 7.sql
--
-- A few rows of a database whose last migration is this one, written by `segue snapshot`.
-- `segue check` puts them into such a database and upgrades it to the newest version. Edit
-- them as you like: the next `segue snapshot` writes the file anew.

TRUNCATE
    public.a,
    public.b;

COPY public.a (id, name) FROM stdin;
1\tAda
2\t\\N
\\.

SELECT setval('public.a_id_seq', 2, true);
"
    );
}

#[test]
fn the_comment_says_which_state_it_is_else_the_name() {
    let check = |text: &str, expected: &str, span: Option<Span>| {
        let state = stated("1.0.0", &Source::new("1.0.0.sql", text));
        assert_eq!((state.text.as_str(), state.span), (expected, span));
    };
    check("-- snapshot: 3.1.0\n", "3.1.0", Some(Span::new(13, 18)));
    check(
        "-- Mine\n\n-- snapshot:  a.sql \nSELECT 1;\n",
        "a.sql",
        Some(Span::new(23, 28)),
    );
    check("SELECT 1;\n-- snapshot: 2.0\n", "1.0.0", None);
    check("", "1.0.0", None);
}

#[test]
fn a_state_is_found_by_the_name_of_its_migration() {
    let migrations = ["1-a.sql", "2-b.sql"].map(|name| Migration::example(name, Kind::Batch));
    assert_eq!(files_of("1-a.sql", &migrations), Ok(1));
    assert_eq!(files_of("2-b", &migrations), Ok(2));
    let missing = files_of("2-c.sql", &migrations).expect_err("there is none");
    assert_eq!(missing.help, ["did you mean `2-b.sql`?"]);
    let missing = files_of("9.9", &migrations).expect_err("there is none");
    assert_eq!(missing.message, "no migration brings version `9.9`");
    assert_eq!(called(&migrations, 0), "1-a");
}

#[test]
fn a_state_is_found_by_its_version() {
    let mut migrations =
        ["1.sql", "2.sql", "3.sql"].map(|name| Migration::example(name, Kind::Batch));
    migrations[0].schema_version = Some(Version::new(1, 0, 0));
    migrations[1].schema_version = Some(Version::new(1, 1, 0));
    assert_eq!(files_of("1.1.0", &migrations), Ok(2));
    assert_eq!(files_of("1.1", &migrations), Ok(2));
    let missing = files_of("1.11.0", &migrations).expect_err("there is none");
    assert_eq!(missing.message, "no migration brings version `1.11.0`");
    assert_eq!(missing.help, ["there are 1.0.0 and 1.1.0"]);
    assert_eq!(called(&migrations, 1), "1.1.0");
    let all: Vec<_> = versions(&migrations).collect();
    assert_eq!(all, [("1.0.0".to_owned(), 1), ("1.1.0".to_owned(), 2)]);
}

#[test]
fn a_name_like_a_version_means_the_version_here_as_for_visits() {
    let names = ["1-a.sql", "1.1.0.sql", "2-b.sql", "3.0.0.sql"];
    let mut migrations = names.map(|name| Migration::example(name, Kind::Batch));
    migrations[2].schema_version = Version::parse("1.1.0").ok();
    assert_eq!(files_of("1.1.0", &migrations), Ok(3));
    assert_eq!(files_of("1.1.0.sql", &migrations), Ok(2));
    assert_eq!(files_of("1.1", &migrations), Ok(3));
    assert_eq!(files_of("3.0.0", &migrations), Ok(4));
    let called = (0..4).map(|place| called(&migrations, place));
    assert_eq!(
        called.collect::<Vec<_>>(),
        ["1-a", "1.1.0.sql", "1.1.0", "3.0.0"]
    );
    let states = crate::visit::States::new("default", migrations.to_vec());
    for text in ["1.1.0", "1.1.0.sql", "1.1", "3.0.0", "1-a"] {
        let visit = states.find(text).expect("a state");
        assert_eq!(files_of(text, &migrations), Ok(visit.settled), "{text}");
    }
}
