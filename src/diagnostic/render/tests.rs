use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::diagnostic::code;
use crate::text::{Source, Span};

/// Draws `diagnostic` over `source`; expected text is indented by eight.
#[track_caller]
fn check(diagnostic: &Diagnostic, expected: &str) {
    let expected: Vec<_> = expected
        .lines()
        .skip(1)
        .map(|line| line.strip_prefix("        ").unwrap_or(line.trim_end()))
        .collect();
    assert_eq!(render(diagnostic, Style::Plain), expected.join("\n"));
}

fn over(source: Source) -> Diagnostic {
    Diagnostic::new(code::SERVER_ERROR, "no").source(&Arc::new(source))
}

#[test]
fn the_layout_is_that_of_the_style_guide() {
    let text = "CREATE TABLE t();\n-- segue: end-concurrent-migration: 0007-add-user.sql\n";
    let source = Source::new("migrations/0009-add-orders.sql", text);
    let diagnostic = Diagnostic::new(
        code::UNKNOWN_MIGRATION,
        "no migration is named `0007-add-user.sql`",
    )
    .source(&Arc::new(source))
    .label(Span::new(54, 71), "ended here")
    .help("did you mean `0007-add-users.sql`?");
    check(
        &diagnostic,
        "
        error[unknown-migration]: no migration is named `0007-add-user.sql`
          --> migrations/0009-add-orders.sql:2:37
          |
        2 | -- segue: end-concurrent-migration: 0007-add-user.sql
          |                                     ^^^^^^^^^^^^^^^^^ ended here
          = help: did you mean `0007-add-users.sql`?
        ",
    );
}

#[test]
fn tabs_wide_characters_and_windows_are_aligned() {
    check(
        &over(Source::window(
            "m/a.sql",
            "SELECT 1;\r\n\tSELECT é漢字 FROM t\r\n",
            900,
            9,
        ))
        .label(Span::new(919, 927), "here"),
        "
        error[server-error]: no
           --> m/a.sql:10:9
           |
        10 |     SELECT é漢字 FROM t
           |            ^^^^^ here
        ",
    );
}

#[test]
fn several_places_are_shown_in_one_snippet() {
    check(
        &over(Source::new(
            "m/a.sql",
            "-- segue: no-txn\n--\n--\n--\n-- segue: in-txn\n",
        ))
        .label(Span::new(36, 42), "but here")
        .label(Span::new(10, 16), "first here"),
        "
        error[server-error]: no
          --> m/a.sql:5:11
          |
        1 | -- segue: no-txn
          |           ------ first here
        ...
        5 | -- segue: in-txn
          |           ^^^^^^ but here
        ",
    );
}

#[test]
fn a_label_over_whole_lines_ends_with_its_last_line() {
    check(
        &over(Source::new("m/a.sql", "SELECT\r\n  1;\r\n\r\n")).label(Span::new(0, 16), "here"),
        "
        error[server-error]: no
          --> m/a.sql:1:1
          |
        1 | / SELECT
        2 | |   1;
          | |____^ here
        ",
    );
}

#[test]
fn the_end_of_a_file_is_a_place() {
    check(
        &over(Source::new("m/a.sql", "SELECT\n")).label(Span::new(7, 7), "ends here"),
        "
        error[server-error]: no
          --> m/a.sql:2:1
          |
        2 |
          | ^ ends here
        ",
    );
    check(
        &over(Source::new("m/a.sql", "SELECT")).label(Span::new(6, 6), ""),
        "
        error[server-error]: no
          --> m/a.sql:1:7
          |
        1 | SELECT
          |       ^
        ",
    );
    check(
        &over(Source::new("m/a.sql", "")).label(Span::new(0, 0), "empty"),
        "
        error[server-error]: no
          --> m/a.sql:1:1
          |
        1 |
          | ^ empty
        ",
    );
}

#[test]
fn a_byte_order_mark_does_not_shift_the_label() {
    check(
        &over(Source::new("m/a.sql", "\u{feff}-- x")).label(Span::new(6, 7), "x"),
        "
        error[server-error]: no
          --> m/a.sql:1:4
          |
        1 | -- x
          |    ^ x
        ",
    );
}

#[test]
fn a_line_of_a_megabyte_is_cut_around_its_label() {
    let text = format!(
        "a\n{}SELECT x{}\nz",
        "x ".repeat(250_000),
        " y".repeat(250_000)
    );
    check(
        &over(Source::new("m/a.sql", text.as_str())).label(Span::new(500_002, 500_008), "here"),
        "
        error[server-error]: no
          --> m/a.sql:2:500001
          |
        2 | ...x x x x x x x x x x x x x x x x x x x x SELECT x y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y...
          |                                            ^^^^^^ here
        ",
    );
}

#[test]
fn facts_and_advice_hang_below_without_a_place() {
    check(
        &Diagnostic::new(code::SERVER_ERROR, "relation \"t\" does not exist")
            .note("first line\nsecond line")
            .sqlstate("42P01")
            .help("create it"),
        "
        error[server-error]: relation \"t\" does not exist
          = note: first line
                  second line
          = note: SQLSTATE 42P01
          = help: create it
        ",
    );
}

#[test]
fn a_message_of_a_megabyte_is_cut() {
    check(
        &Diagnostic::new(code::SERVER_ERROR, "é".repeat(1_000_000)),
        &format!(
            "\n        error[server-error]: {}...\n        ",
            "é".repeat(1_000)
        ),
    );
}

#[test]
fn terminal_escapes_in_a_file_are_not_obeyed() {
    check(
        &over(Source::new("m/\u{1b}[2Ja.sql", "SELECT \u{1b}[2J1"))
            .label(Span::new(0, 6), "")
            .note("\u{1b}]0;title\u{7}"),
        "
        error[server-error]: no
          --> m/␛[2Ja.sql:1:1
          |
        1 | SELECT ␛[2J1
          | ^^^^^^
          = note: ␛]0;title␇
        ",
    );
}

#[test]
fn colour_changes_no_character() {
    let diagnostic = over(Source::new("m/a.sql", "SELECT 1;\n\tSELECT é;\n"))
        .label(Span::new(18, 20), "here")
        .label(Span::new(0, 6), "there")
        .note("a\nb")
        .help("c");
    let colour = render(&diagnostic, Style::Colour);
    assert!(colour.starts_with("\u{1b}[1m\u{1b}[91merror[server-error]\u{1b}[0m"));
    assert_eq!(
        anstream::adapter::strip_str(&colour).to_string(),
        render(&diagnostic, Style::Plain)
    );
}

proptest! {
    #[test]
    fn any_label_over_any_text_can_be_drawn(
        text in "[ -~\t\r\n\u{1b}é漢\u{feff}\u{202e}]{0,60}",
        long in prop::bool::ANY,
        start in 0_usize..80,
        spans in prop::collection::vec((0_usize..90, 0_usize..90), 0..4),
        note in ".*",
        here in "(\\PC|\n|\r){0,9}",
    ) {
        let text = if long { text.repeat(30) } else { text };
        let mut diagnostic = over(Source::window("m/a.sql", text, start, 99)).note(note);
        for (start, end) in spans {
            diagnostic = diagnostic.label(Span::new(start, end), here.as_str());
        }
        let plain = render(&diagnostic, Style::Plain);
        prop_assert!(plain.starts_with("error[server-error]: no\n"));
        prop_assert!(plain.lines().all(|line| line == line.trim_end()));
        prop_assert!(render(&diagnostic, Style::Colour).ends_with('\n'));
        prop_assert!(crate::diagnostic::to_json(&diagnostic).is_object());
    }
}
