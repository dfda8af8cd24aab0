use super::*;

fn torn(role: Role, labels: &[&str], row: &[Option<&str>]) -> bool {
    let labels: Vec<_> = labels.iter().map(|&label| label.to_owned()).collect();
    let row: Vec<_> = row.iter().map(|text| text.map(str::to_owned)).collect();
    is_torn(role, &labels, &row)
}

#[test]
fn what_is_rendered_of_nothing_is_torn() {
    let object = [
        "oid",
        "namespace",
        "kind",
        "name",
        "owner",
        "definition:sql",
    ];
    let row = |kind, name, owner, definition| {
        torn(
            Role::Object,
            &object,
            &[
                Some("1"),
                Some("a"),
                Some(kind),
                Some(name),
                Some(owner),
                definition,
            ],
        )
    };
    assert!(!row("view", "v", "me", Some("SELECT 1")));
    assert!(!row("table", "t", "me", None));
    assert!(row("view", "v", "me", None));
    assert!(row("materialized-view", "v", "me", None));
    assert!(row("function", "f(???)", "me", None));
    assert!(row("table", "t", "unknown (OID=5)", None));
    let part = ["oid", "part", "key", "definition:sql", "comment"];
    let row = |definition| {
        torn(
            Role::Part,
            &part,
            &[Some("1"), Some("indexes"), Some("i"), definition, None],
        )
    };
    assert!(!row(Some("CREATE INDEX")));
    assert!(row(None));
}

async fn readings(outcomes: Vec<Result<Seen<u32>, Error>>) -> (Result<u32, Error>, u32) {
    let mut readings = Readings::default();
    for outcome in outcomes {
        if let Some(done) = readings.settle(outcome).await {
            return (done, readings.count);
        }
    }
    panic!("one more");
}

#[tokio::test]
async fn what_seems_torn_is_read_three_times_at_most() {
    let (done, count) = readings(vec![Ok((1, true)), Ok((2, false)), Ok((3, false))]).await;
    assert_eq!((done.expect("read"), count), (2, 2));
    let (done, count) = readings((1..9).map(|one| Ok((one, true))).collect()).await;
    assert_eq!((done.expect("read"), count), (3, 3));
    let (done, count) = readings(vec![Err(Error::protocol("x")), Ok((1, false))]).await;
    assert!(done.is_err());
    assert_eq!(count, 1);
}
