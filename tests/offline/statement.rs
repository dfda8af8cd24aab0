//! The laws of splitting, over files made at random.

use proptest::prelude::*;

use crate::laws;

/// Pieces of files for which the splitter has rules.
fn fragment() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        ";",
        ";\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        "(",
        ")",
        ".",
        "'",
        "''",
        "E'",
        "\\'",
        "\"",
        "$",
        "$$",
        "$a$",
        "$1",
        "/*",
        "*/",
        "--",
        "*",
        "/",
        "-",
        "\\",
        "\\.",
        "\n\\.\n",
        "\\.\r\n",
        "a",
        "e",
        "é",
        "\u{feff}",
        "COPY ",
        "a FROM ",
        "stdin",
        "stdin;\n",
        "COPY a FROM stdin;",
        "CREATE ",
        "OR REPLACE ",
        "FUNCTION ",
        "PROCEDURE ",
        "BEGIN ",
        "ATOMIC ",
        "CASE ",
        "END",
        " AS ",
        "\\restrict a\n",
        "\\unrestrict a\n",
        "\\d",
        "SELECT 1",
        "SET standard_conforming_strings = off;",
        "SET LOCAL standard_conforming_strings = on;",
        "RESET ALL;",
        "SAVEPOINT a;",
        "ROLLBACK TO a;",
        "ROLLBACK;",
        "FORMAT binary",
        "U&",
        "B'",
        "\0",
    ]);
    prop_oneof![8 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn laws_hold_for_fragments(
        fragments in prop::collection::vec(fragment(), 0..24),
        sizes in prop::collection::vec(0_u8..12, 0..4),
    ) {
        laws::check(fragments.concat().as_bytes(), &sizes);
    }

    #[test]
    fn laws_hold_for_bytes(
        file in prop::collection::vec(any::<u8>(), 0..64),
        sizes in prop::collection::vec(0_u8..12, 0..4),
    ) {
        laws::check(&file, &sizes);
    }
}
