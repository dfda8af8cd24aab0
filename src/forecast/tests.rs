use super::*;

fn table(name: &str) -> TableName {
    TableName {
        namespace: "public".to_owned(),
        name: name.to_owned(),
    }
}

fn megabytes(heap: u64) -> Table {
    Table {
        rows: Some(heap * 10_000),
        heap_bytes: heap << 20,
        index_bytes: heap << 18,
        ..Table::default()
    }
}

fn statement(locks: &[(&str, LockMode)], work: Vec<Work>) -> Statement {
    Statement {
        migration: Name::new("1.sql"),
        line: 1,
        text: String::new(),
        learnt: Learnt::ByRunning,
        locks: locks
            .iter()
            .map(|(name, mode)| (table(name), *mode))
            .collect(),
        work,
        failed: None,
    }
}

/// A lock of an instant, and behind it a rewrite of another table: the first
/// table is locked for as long as the second is rewritten.
#[test]
fn a_lock_lasts_until_commit() {
    let tables = [
        (table("small"), megabytes(1)),
        (table("large"), megabytes(1000)),
    ]
    .into();
    let mut part = Part {
        kind: PartKind::Transaction,
        statements: vec![
            statement(&[("small", LockMode::AccessExclusive)], Vec::new()),
            statement(
                &[("large", LockMode::AccessExclusive)],
                vec![Work::Rewrites(table("large"))],
            ),
            statement(&[("large", LockMode::ShareUpdateExclusive)], Vec::new()),
        ],
        left_out: 0,
    };
    let dangers = |part: &Part| [0, 1, 2].map(|index| part.danger(index, &tables));
    assert_eq!(dangers(&part), [Danger::Long, Danger::Long, Danger::None]);
    part.kind = PartKind::Outside;
    assert_eq!(dangers(&part), [Danger::Brief, Danger::Long, Danger::None]);
}

#[test]
fn rows_changed_in_a_small_table_take_no_time() {
    let tables = [
        (table("small"), megabytes(1)),
        (table("large"), megabytes(1000)),
    ]
    .into();
    for (name, expected) in [
        ("small", Held::For(Bytes::exactly((1 << 20) + (1 << 18)))),
        ("large", Held::Unknown),
        ("unknown", Held::Unknown),
    ] {
        let part = Part {
            kind: PartKind::Transaction,
            statements: vec![statement(&[], vec![Work::Writes(table(name))])],
            left_out: 0,
        };
        assert_eq!(part.held(0, &tables), expected, "{name}");
    }
}

/// Two million rows of a `bigint`: 43 MB as PostgreSQL builds it.
#[test]
fn an_index_of_numbers_is_estimated_closely() {
    let mut of = megabytes(100);
    of.rows = Some(2_000_000);
    let shape = IndexShape {
        method: "btree".to_owned(),
        unique: true,
        partial: false,
        columns: vec![index_size::IndexColumn {
            name: Some("id".to_owned()),
            length: Some(8),
        }],
    };
    let built = 44_900_000;
    let bytes = shape.bytes(&of).expect("an estimate");
    assert_eq!(bytes, Bytes::exactly(bytes.low));
    assert!(bytes.low.abs_diff(built) < built / 50, "{bytes:?}");
    let many = IndexShape {
        unique: false,
        ..shape.clone()
    };
    assert!(many.bytes(&of).expect("an estimate").low < bytes.low);
    let gin = IndexShape {
        method: "gin".to_owned(),
        ..shape
    };
    assert_eq!(gin.bytes(&of), None);
}
