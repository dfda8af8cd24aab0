//! The laws of headers, over files made at random.

use proptest::prelude::*;

use crate::directive_laws;

fn fragment() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "-- segue: ",
        "-- codd: ",
        "-- codd-connection: ",
        "-- codd-env-vars: ",
        "--",
        "-- ",
        "/*",
        "*/",
        "\n",
        "\r\n",
        "\r",
        " ",
        ",",
        ":",
        ";",
        "no-txn",
        "in-txn",
        "begin-concurrent-migration-with: ",
        "end-concurrent-migration: ",
        "schema-diff-begin\n",
        "schema-diff-end\n",
        "connection: ",
        "env-vars: ",
        "backfill: ",
        "schema-version: ",
        "rerunnable",
        "allow: ",
        "a.sql",
        "postgres://u:p@h/d",
        "host=h password='p'",
        "A, B",
        "${A}",
        "1.2.3",
        "t by id within 7 days",
        "{\"15\": []}",
        "SELECT 1;",
        "seque",
        "\u{feff}",
        "\u{e9}",
        "\0",
    ]);
    prop_oneof![8 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn laws_hold_for_headers(
        fragments in prop::collection::vec(fragment(), 0..24),
        sizes in prop::collection::vec(0_u8..12, 0..4),
    ) {
        directive_laws::check(&fragments.concat(), &sizes);
    }
}
