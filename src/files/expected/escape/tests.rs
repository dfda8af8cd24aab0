use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(name: &str, expected: &str) {
    assert_eq!(escape(name), expected);
    assert_eq!(unescape(expected).as_deref(), Some(name));
}

#[test]
fn plain_names_stay_as_they_are() {
    check("users", "users");
    check("a_1", "a_1");
    check("order-items", "order-items");
    check("f(integer, text)", "f(integer, text)");
    check("g(character varying[])", "g(character varying[])");
    check("v1.2", "v1.2");
    check("btree int4_ops", "btree int4_ops");
}

#[test]
fn upper_case_is_marked() {
    check("Users", "+users");
    check("USERS", "+u+s+e+r+s");
    check("orderItems", "order+items");
}

#[test]
fn other_characters_are_code_points() {
    check("a/b", "a+(2f)b");
    check("a\\b", "a+(5c)b");
    check(
        "a:b*c?d\"e<f>g|h",
        "a+(3a)b+(2a)c+(3f)d+(22)e+(3c)f+(3e)g+(7c)h",
    );
    check("tab\tnewline\n", "tab+(9)newline+(a)");
    check("Größe", "+gr+(f6)+(df)e");
    check("日本", "+(65e5)+(672c)");
    check("🐘", "+(1f418)");
    check("+", "+(2b)");
    check("+(integer, integer)", "+(2b)(integer, integer)");
    check("a~", "a+(7e)");
    check("#a#", "+(23)a+(23)");
}

#[test]
fn composed_and_decomposed_letters_are_two_names() {
    check("\u{fc}", "+(fc)");
    check("u\u{308}", "u+(308)");
}

#[test]
fn edges_and_what_looks_empty() {
    check("", "+()");
    check(".", "+(2e)");
    check("..", "+(2e)+(2e)");
    check("...", "+(2e).+(2e)");
    check(".git", "+(2e)git");
    check("a.", "a+(2e)");
    check("a ", "a+(20)");
    check(" ", "+(20)");
    check(" a", "+(20)a");
    check("\u{200b}", "+(200b)");
    check("-rf", "+(2d)rf");
    check("@database", "+(40)database");
}

#[test]
fn devices_of_windows() {
    check("con", "+(63)on");
    check("CON", "+c+o+n");
    check("nul.a", "+(6e)ul.a");
    check("aux .b", "+(61)ux .b");
    check("com7", "+(63)om7");
    check("lpt0", "+(6c)pt0");
    check("com10", "com10");
    check("console", "console");
}

#[test]
fn sixty_three_bytes() {
    let ascii = "abcdefghijklmnopqrstuvwxyz0123456789_abcdefghijklmnopqrstuvwxyz";
    check(ascii, ascii);
    check(&"🐘".repeat(15), &"+(1f418)".repeat(15));
    let cyrillic = escape(&"ж".repeat(31));
    assert_eq!(
        cyrillic,
        format!("{}++c4d0b7858de7cec05e25", "+(436)".repeat(16))
    );
}

#[test]
fn what_is_too_long_is_cut_between_characters() {
    let one = format!("f({})", "integer, ".repeat(30));
    let other = format!("{one}x");
    assert_eq!(
        escape(&one),
        "f(integer, integer, integer, integer, integer, integer, integer, integer, integer, \
         integer, intege++dea646a8279623a5fed4"
    );
    assert!(is_cut(&escape(&one)));
    assert_ne!(escape(&one), escape(&other));
    assert_eq!(unescape(&escape(&one)), None);
}

#[test]
fn what_nobody_wrote_is_no_name() {
    for wrong in [
        "",
        "Users",
        "a/b",
        "+",
        "a+",
        "+(",
        "+(61)",
        "+(02f)",
        "+(2F)",
        "+(d800)",
        "+1",
        "a.",
        "con",
        "++",
        "a++0",
        "ü",
        "@database",
        "+(zz)",
        "+()a",
    ] {
        assert_eq!(unescape(wrong), None, "{wrong:?}");
    }
}

/// Names as people and attackers have them.
fn names() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a", "A", "b", "users", "Users", "con", "nul", "com1", ".", "..", " ", "-", "+", "++",
        "+(2f)", "(", ")", "@", "/", "\\", "\t", "\n", "ü", "Ü", "u\u{308}", "ß", "ẞ", "ſ", "K",
        "日", "🐘", "~", ",", "[]", "=", "\u{0}", "*", "0", "_",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat()),
        any::<String>(),
        prop::collection::vec(any::<char>(), 0..200).prop_map(|letters| letters.iter().collect()),
    ]
}

proptest! {
    #[test]
    fn every_name_comes_back(name in names()) {
        let escaped = escape(&name);
        if is_cut(&escaped) {
            prop_assert_eq!(unescape(&escaped), None);
        } else {
            prop_assert_eq!(unescape(&escaped), Some(name));
        }
    }

    #[test]
    fn every_file_system_takes_it(name in names()) {
        let escaped = escape(&name);
        prop_assert!(!escaped.is_empty() && escaped.len() <= LENGTH_MAX);
        prop_assert!(escaped.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.,()[]=+ ".contains(&byte)
        }), "{}", escaped);
        prop_assert!(!escaped.starts_with(['.', ' ', '-', '@']) && !escaped.ends_with(['.', ' ']));
        prop_assert!(!is_device(&escaped), "{}", escaped);
    }

    #[test]
    fn no_two_names_share_a_file(names in prop::collection::hash_set(names(), 0..40)) {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for name in names {
            // What comes out has no upper case, so folding changes nothing.
            let file = escape(&name).to_lowercase();
            if let Some(other) = files.insert(file, name.clone()) {
                prop_assert!(false, "{:?} and {:?}", other, name);
            }
        }
    }
}
