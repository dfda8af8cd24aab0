use std::collections::BTreeSet;

use super::*;

fn column(name: &str, shape: Shape) -> Column {
    Column {
        name: name.to_owned(),
        shape,
        is_not_null: true,
        default: Default::None,
    }
}

const INT: Shape = Shape::Integer {
    least: -2_147_483_648,
    most: 2_147_483_647,
};

fn check(name: &str, columns: &[usize], text: &str) -> Check {
    Check {
        name: name.to_owned(),
        columns: columns.to_vec(),
        text: text.to_owned(),
    }
}

/// What is proposed to a server that takes what `takes` says, as texts.
fn rows(
    table: &Table,
    pools: Vec<Vec<Vec<String>>>,
    mut takes: impl FnMut(&[Cell]) -> Result<(), Refusal>,
) -> Vec<Vec<String>> {
    let mut maker = Maker::new(table, pools, WANTED, true);
    let mut rows = Vec::new();
    while let Some(row) = maker.propose() {
        match takes(&row) {
            Ok(()) => {
                let texts = row.iter().map(|cell| match cell {
                    Cell::Omitted => "DEFAULT".to_owned(),
                    Cell::Null => "NULL".to_owned(),
                    Cell::Text(text) => text.clone(),
                });
                rows.push(texts.collect());
                maker.taken();
            }
            Err(refusal) => maker.refused(&refusal),
        }
    }
    assert_eq!(maker.made(), rows.len());
    rows
}

#[test]
fn the_first_row_is_ordinary_and_the_next_have_one_special_cell_each() {
    let mut nullable = column("note", Shape::Text(None));
    nullable.is_not_null = false;
    let table = Table {
        columns: vec![column("id", INT), nullable],
        uniques: vec![vec![0]],
        ..Table::default()
    };
    let rows = rows(&table, Vec::new(), |_| Ok(()));
    let shown: Vec<String> = rows[..7].iter().map(|row| row.join("|")).collect();
    assert_eq!(
        shown,
        [
            "1|name 0",
            "0|name 1",
            "3|NULL",
            "-1|name 3",
            "5|",
            "2147483647|name 5",
            "7|Ünï cödé 日本 🙂",
        ]
    );
    assert_eq!(rows.len(), WANTED);
    let keys: BTreeSet<&String> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(keys.len(), rows.len());
}

#[test]
fn a_constraint_with_a_form_that_is_not_known_is_met_by_trying() {
    let table = Table {
        columns: vec![column("id", INT), column("mail", Shape::Text(None))],
        checks: vec![check("mail_is", &[1], "CHECK ((mail ~ '.+@.+'::text))")],
        ..Table::default()
    };
    let mut refused = 0;
    let rows = rows(&table, Vec::new(), |row| match &row[1] {
        Cell::Text(mail) if mail.contains('@') => Ok(()),
        _ => {
            refused += 1;
            Err(Refusal::Condition(Some("mail_is".to_owned())))
        }
    });
    assert_eq!(rows[0], ["1", "user0@example.com"]);
    assert_eq!(rows.len(), WANTED);
    assert!(refused < 20, "{refused}");
}

#[test]
fn a_table_that_takes_nothing_ends() {
    let table = Table {
        columns: vec![column("a", Shape::Text(None)), column("b", INT)],
        checks: vec![check("never", &[0, 1], "CHECK (false)")],
        ..Table::default()
    };
    for refusal in [
        Refusal::Condition(Some("never".to_owned())),
        Refusal::Condition(None),
        Refusal::Duplicate,
        Refusal::Other,
    ] {
        let rows = rows(&table, Vec::new(), |_| Err(refusal.clone()));
        assert!(rows.is_empty());
    }
}

#[test]
fn a_parent_is_taken_from_those_there_are() {
    let mut table = Table {
        oid: 7,
        columns: vec![column("a", INT), column("b", INT)],
        uniques: vec![vec![0, 1]],
        ..Table::default()
    };
    table.foreign = ["a", "b"]
        .iter()
        .enumerate()
        .map(|(index, _)| Foreign {
            columns: vec![index],
            table: 8,
            to: vec!["id".to_owned()],
        })
        .collect();
    let pool: Vec<Vec<String>> = (1..=8).map(|id| vec![id.to_string()]).collect();
    let mut seen = BTreeSet::new();
    let made = rows(&table, vec![pool.clone(), pool], |row| {
        if seen.insert(format!("{row:?}")) {
            Ok(())
        } else {
            Err(Refusal::Duplicate)
        }
    });
    assert_eq!(made.len(), 64);
    let none = rows(&table, vec![Vec::new(), Vec::new()], |_| Ok(()));
    assert!(none.is_empty());
    // A row may refer to itself.
    table.foreign.truncate(1);
    table.foreign[0] = Foreign {
        columns: vec![1],
        table: 7,
        to: vec!["a".to_owned()],
    };
    let made = rows(&table, vec![Vec::new()], |_| Ok(()));
    assert_eq!(made[0], ["1", "1"]);
}

#[test]
fn rows_of_a_key_of_several_columns_share_the_first() {
    let table = Table {
        columns: vec![column("tenant", INT), column("id", INT)],
        uniques: vec![vec![0, 1]],
        ..Table::default()
    };
    let rows = rows(&table, Vec::new(), |_| Ok(()));
    let last = &rows[WANTED - 3..];
    let shown: Vec<String> = last.iter().map(|row| row.join("|")).collect();
    assert_eq!(shown, ["13|62", "13|63", "13|64"]);
}

#[test]
fn each_partition_has_its_rows() {
    let table = Table {
        columns: vec![column("id", INT), column("region", Shape::Text(None))],
        uniques: vec![vec![0, 1]],
        partitions: vec![
            check(
                "eu",
                &[1],
                "((region IS NOT NULL) AND (region = 'eu'::text))",
            ),
            check(
                "us",
                &[1],
                "((region IS NOT NULL) AND (region = 'us'::text))",
            ),
        ],
        ..Table::default()
    };
    let made = rows(&table, Vec::new(), |row| match &row[1] {
        Cell::Text(region) if ["eu", "us"].contains(&region.as_str()) => Ok(()),
        _ => Err(Refusal::Condition(None)),
    });
    for region in ["eu", "us"] {
        let of_it = made.iter().filter(|row| row[1] == region).count();
        assert!(of_it > 20, "{of_it} in {region}");
    }
}

#[test]
fn values_of_every_shape_are_many_and_distinct() {
    let limits = Limits::default();
    for shape in [
        INT,
        Shape::Numeric(None),
        Shape::Numeric(Some((5, 2))),
        Shape::Numeric(Some((3, 3))),
        Shape::Float,
        Shape::Text(None),
        Shape::Text(Some(2)),
        Shape::Date,
        Shape::Time,
        Shape::Timestamp,
        Shape::Interval,
        Shape::Uuid,
        Shape::Bytes,
        Shape::Json,
        Shape::Network,
        Shape::Bits(8, true),
        Shape::Array(Box::new(INT)),
        Shape::Range(Box::new(INT)),
        Shape::Composite(vec![INT, Shape::Text(None)]),
    ] {
        let values: BTreeSet<String> = (0..100)
            .map(|number| value::ordinary(&shape, &limits, number).expect("a value"))
            .collect();
        assert_eq!(values.len(), 100, "{shape:?}");
        assert!(!value::specials(&shape, &limits).is_empty(), "{shape:?}");
    }
}

#[test]
fn numbers_stay_within_their_limits() {
    let limited = |least, most| Limits {
        least,
        most,
        ..Limits::default()
    };
    let values = |limits: &Limits| -> Vec<String> {
        (0..3)
            .map(|number| value::ordinary(&INT, limits, number).expect("a value"))
            .collect()
    };
    assert_eq!(values(&limited(None, None)), ["1", "2", "3"]);
    assert_eq!(values(&limited(Some(5), None)), ["5", "6", "7"]);
    assert_eq!(
        values(&limited(None, Some(-3))),
        ["-3", "-2147483647", "-2147483646"]
    );
    assert_eq!(values(&limited(Some(0), Some(1))), ["1", "1", "0"]);
}
