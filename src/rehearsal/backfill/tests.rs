use super::*;

fn rows(rows: &[[&str; 3]]) -> Rows {
    let labels = ["note", "id", "new"].map(ToOwned::to_owned);
    let value = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
    let rows = rows.iter().map(|row| row.iter().map(value).collect());
    Rows::new(labels.to_vec(), rows.collect(), &["id".to_owned()])
}

#[test]
fn a_row_is_shown_by_its_key_first_and_not_in_full() {
    let long = "x".repeat(50);
    let rows = rows(&[["a", "1", "NULL"], [&long, "2", "b"]]);
    assert_eq!(
        rows.show(&["1".to_owned()]),
        "id = '1', note = 'a', new = NULL"
    );
    assert_eq!(
        rows.show(&["2".to_owned()]),
        format!(
            "id = '2', note = '{}…' (50 characters), new = 'b'",
            "x".repeat(40)
        )
    );
    assert_eq!(rows.show(&["3".to_owned()]), "(3)");
}

#[test]
fn the_first_change_is_told() {
    let before = rows(&[["a", "1", "x"], ["b", "2", "y"]]);
    let change = |after: &[[&str; 3]]| before.change(&rows(after));
    assert_eq!(change(&[["b", "2", "y"], ["a", "1", "x"]]), None);
    assert_eq!(
        change(&[["a", "1", "x"], ["c", "2", "NULL"]]).as_deref(),
        Some("`id = '2'`: `note` from 'b' to 'c', `new` from 'y' to NULL")
    );
    assert_eq!(
        change(&[["b", "2", "y"]]).as_deref(),
        Some("`id = '1', note = 'a', new = 'x'` goes")
    );
    assert_eq!(
        change(&[["a", "1", "x"], ["b", "2", "y"], ["c", "3", "z"]]).as_deref(),
        Some("`id = '3', note = 'c', new = 'z'` comes")
    );
}

#[test]
fn without_a_key_rows_are_compared_as_they_are() {
    let table = |values: &[&str]| {
        let rows = values.iter().map(|value| vec![Some((*value).to_owned())]);
        Rows::new(vec!["a".to_owned()], rows.collect(), &[])
    };
    assert_eq!(table(&["1", "2"]).change(&table(&["2", "1"])), None);
    assert_eq!(
        table(&["1", "2"]).change(&table(&["2", "3"])).as_deref(),
        Some("`a = '1'` goes, `a = '3'` comes")
    );
    assert_eq!(
        table(&["1", "1"]).change(&table(&["1"])).as_deref(),
        Some("2 rows become 1")
    );
}
