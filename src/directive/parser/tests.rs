use proptest::prelude::*;

use super::*;
use crate::diagnostic::{Severity, Style, render};

/// The directives and diagnostics of a header, one per line; expected text is
/// indented by eight.
#[track_caller]
fn check(header: &str, expected: &str) {
    let source = Arc::new(Source::new("m/a.sql", header));
    let (directives, diagnostics) = parse(&source);
    let mut found = vec![String::new()];
    let range = |span: Span| format!("{}..{}", span.start, span.end);
    let Directives {
        transaction,
        begin_with,
        end,
        schema_diff,
        rerunnable,
        connection,
        env_vars,
        backfill,
        schema_version,
        allow,
    } = directives;
    if let Some(mode) = transaction {
        found.push(format!("{:?} {}", mode.value, range(mode.span)));
    }
    let texts = [
        ("begin", begin_with.iter().collect::<Vec<_>>()),
        ("end", end.iter().collect()),
        ("connection", connection.iter().collect()),
        ("env-var", env_vars.iter().collect()),
    ];
    for (name, texts) in texts {
        for text in texts {
            found.push(format!("{name} {} {}", text.value, range(text.span)));
        }
    }
    if let Some(backfill) = backfill {
        let (value, span) = (backfill.value, range(backfill.span));
        found.push(format!("backfill {} by {} {span}", value.table, value.key));
    }
    if let Some(diff) = schema_diff {
        found.push(format!("diff {:?} {}", diff.parts.keys(), range(diff.span)));
    }
    if let Some(span) = rerunnable {
        found.push(format!("rerunnable {}", range(span)));
    }
    if let Some(version) = schema_version {
        found.push(format!("version {} {}", version.value, range(version.span)));
    }
    for waiver in allow {
        let span = range(waiver.span);
        let waiver = waiver.value;
        found.push(format!(
            "allow {} because {} {span}",
            waiver.rule, waiver.reason
        ));
    }
    for diagnostic in diagnostics {
        assert_eq!(diagnostic.severity, Severity::Error);
        let label = &diagnostic.labels[0];
        let (code, message) = (diagnostic.code, diagnostic.message);
        found.push(format!("error[{code}] {}: {message}", range(label.span)));
        assert!(!diagnostic.helps.is_empty(), "{code} without help");
    }
    let expected: Vec<_> = expected.trim_end().lines().map(str::trim).collect();
    let expected = if expected.is_empty() {
        vec![""]
    } else {
        expected
    };
    assert_eq!(found, expected, "{header}");
}

#[test]
fn an_ordinary_file_demands_nothing() {
    check("", "");
    check("-- Adds a table.\n\nCREATE TABLE t();", "");
    check("CREATE TABLE t();\n-- segue: no-txn", "");
    check("SELECT '-- segue: no-txn'", "");
}

#[test]
fn both_prefixes_mean_the_same() {
    check("-- segue: no-txn", "\nAutocommit 10..16");
    check("-- codd: no-txn", "\nAutocommit 9..15");
    check(
        "-- codd: begin-concurrent-migration-with: a.sql",
        "\nbegin a.sql 42..47",
    );
    check("-- codd: in-txn, no-parse", "\nBlock 9..15");
    check("-- codd: no-parse", "\nBlock 9..17");
    check(
        "-- segue: no-parse",
        "\nerror[unknown-directive] 10..18: there is no directive `no-parse`",
    );
}

#[test]
fn comments_blank_lines_and_line_ends_may_be_of_any_kind() {
    check(
        "\u{feff}-- Title\r\n\r\n/* more\n /* nested */ */ -- segue: no-txn\r\n\t--segue:rerunnable\r\nVACUUM;",
        "
        Autocommit 50..56
        rerunnable 67..77",
    );
    check("-- x\r-- segue: no-txn\rSELECT 1", "\nAutocommit 15..21");
}

#[test]
fn several_directives_may_share_a_line() {
    check(
        "-- segue: rerunnable, begin-concurrent-migration-with: a.sql",
        "
        begin a.sql 55..60
        rerunnable 10..20",
    );
    check(
        "-- segue: no-txn,",
        "
        Autocommit 10..16
        error[unknown-directive] 17..17: a directive's name is missing",
    );
    check(
        "-- segue:",
        "\nerror[unknown-directive] 9..9: a directive's name is missing",
    );
}

#[test]
fn files_are_named_with_their_places() {
    check(
        "-- segue: end-concurrent-migration: a.sql,  b.sql",
        "
        end a.sql 36..41
        end b.sql 44..49",
    );
    check(
        "-- segue: end-concurrent-migration: a.sql, a.sql, , m/b.sql",
        "
        end a.sql 36..41
        error[repeated-migration] 43..48: `a.sql` is already named
        error[missing-argument] 50..50: a name is missing
        error[invalid-file-name] 52..59: this is no migration's file name",
    );
}

#[test]
fn a_repeated_directive_is_reported_and_the_first_one_holds() {
    check(
        "-- segue: no-txn\n-- codd: no-txn\n",
        "
        Autocommit 10..16
        error[repeated-directive] 26..32: `no-txn` is already given",
    );
    check(
        "-- segue: end-concurrent-migration: a.sql\n-- segue: end-concurrent-migration: b.sql",
        "
        end a.sql 36..41
        error[repeated-directive] 52..76: `end-concurrent-migration` is already given",
    );
}

#[test]
fn contradictions_are_reported() {
    check(
        "-- segue: no-txn\n-- segue: in-txn",
        "
        Autocommit 10..16
        error[contradicting-directives] 27..33: `in-txn` contradicts `no-txn`",
    );
    check(
        "-- segue: end-concurrent-migration: a.sql\n-- segue: begin-concurrent-migration-with: b.sql",
        "
        begin b.sql 85..90
        end a.sql 36..41
        error[contradicting-directives] 52..83: `begin-concurrent-migration-with` contradicts `end-concurrent-migration`",
    );
    check(
        "-- segue: rerunnable",
        "
        rerunnable 10..20
        error[misplaced-directive] 10..20: `rerunnable` has no meaning here",
    );
}

#[test]
fn arguments_stand_only_where_they_belong() {
    check(
        "-- segue: no-txn because of VACUUM",
        "
        Autocommit 10..16
        error[unexpected-argument] 17..34: `no-txn` takes no argument",
    );
    check(
        "-- segue: no-txn:",
        "
        Autocommit 10..16
        error[unexpected-argument] 16..17: `no-txn` takes no argument",
    );
    check(
        "-- segue: end-concurrent-migration:  ",
        "\nerror[missing-argument] 10..34: `end-concurrent-migration` needs an argument",
    );
    check(
        "-- segue: end-concurrent-migration a.sql",
        "\nerror[missing-argument] 35..40: `end-concurrent-migration` needs a colon before its argument",
    );
    check(
        "-- codd-env-vars:",
        "\nerror[missing-argument] 3..16: `env-vars` needs an argument",
    );
}

#[test]
fn codds_own_directives_are_read() {
    check(
        "-- codd-connection: dbname=postgres\n-- codd-env-vars: A, B\n-- codd-env-vars: B,C",
        "
        connection dbname=postgres 20..35
        env-var A 54..55
        env-var B 57..58
        env-var C 79..80",
    );
    check(
        "-- segue: begin-concurrent-migration-with: a.sql\n-- codd-connection: host=a\n-- segue: rerunnable",
        "
        begin a.sql 43..48
        connection host=a 69..75
        rerunnable 86..96
        error[contradicting-directives] 52..67: `connection` contradicts `begin-concurrent-migration-with`",
    );
}

#[test]
fn versions_and_waivers_have_their_places() {
    check(
        "-- segue: backfill: t by id\n-- segue: schema-version: 1.2.3\n-- segue: allow: a, b\n-- segue: allow: c, d",
        "
        backfill t by id 20..27
        version 1.2.3 54..59
        allow a because b 77..81
        allow c because d 99..103
        error[misplaced-directive] 10..18: `backfill` has no meaning here",
    );
}

#[test]
fn a_file_that_needs_codds_functions_is_refused() {
    check(
        "-- codd: requires-codd-schema",
        "\nerror[codd-function] 9..29: this file needs codd's own functions",
    );
}

#[test]
fn misspelt_directives_are_reported_in_their_order() {
    check(
        "-- Segue: no-txn\n-- segue: no-tx\n/* segue: in-txn */\n-- codd is great\n",
        "
        error[misspelt-directive] 3..16: this comment is almost a directive, and would have no effect
        error[unknown-directive] 27..32: there is no directive `no-tx`
        error[misspelt-directive] 36..49: this comment is almost a directive, and would have no effect",
    );
}

const PARTNER: &str = "-- segue: begin-concurrent-migration-with: p.sql\n";

/// Checks a header that names a partner in its first 49 bytes.
#[track_caller]
fn check_diff(rest: &str, expected: &str) {
    assert_eq!(PARTNER.len(), 49);
    let partner = "begin p.sql 43..48";
    let expected = expected.trim();
    // A transaction mode comes first.
    let expected = match expected.split_once('\n') {
        Some((mode, rest)) if mode.starts_with("Auto") => format!("\n{mode}\n{partner}\n{rest}"),
        _ => format!("\n{partner}\n{expected}"),
    };
    check(&format!("{PARTNER}{rest}"), &expected);
}

#[test]
fn a_schema_diff_covers_whole_lines() {
    check_diff(
        "\t-- segue: schema-diff-begin\r\n-- {\"17\": [],\r\n\r\n--\"18\":[]}\r\n-- segue: schema-diff-end\r\nSELECT 1",
        "diff [17, 18] 49..135",
    );
    check_diff(
        "/* x */ -- segue: schema-diff-begin\n-- {\"18\": []}\n-- segue: schema-diff-end",
        "diff [18] 57..124",
    );
}

#[test]
fn without_its_schema_diff_the_file_reads_the_same() {
    let block = "-- segue: schema-diff-begin\n-- {\"18\": []}\n-- segue: schema-diff-end\n";
    let file = format!("-- a\n{PARTNER}{block}-- b\nSELECT 1;\n");
    let (directives, _) = parse(&Arc::new(Source::new("a.sql", file.as_str())));
    let span = directives.schema_diff.expect("accepted").span;
    let rest = [&file[..span.start], &file[span.end..]].concat();
    assert_eq!(rest, format!("-- a\n{PARTNER}-- b\nSELECT 1;\n"));
}

#[test]
fn a_malformed_schema_diff_is_reported_at_its_byte() {
    let block =
        |json: &str| format!("-- segue: schema-diff-begin\n{json}-- segue: schema-diff-end\n");
    let problem = "the schema diff cannot be read";
    let check = |json: &str, at: &str, reason: &str| {
        let header = format!("{PARTNER}{}", block(json));
        check_diff(
            &block(json),
            &format!("error[malformed-schema-diff] {at}: {problem}"),
        );
        let (_, found) = parse(&Arc::new(Source::new("a.sql", header)));
        assert_eq!(found[0].labels[0].text, reason);
    };
    // The first line of JSON begins at byte 77.
    check("-- {\"18\": é}\n", "87..87", "expected value");
    check(
        "-- {\n-- \"18\": [],\n-- \"18\": []}\n",
        "101..101",
        "`18` is given twice",
    );
    check(
        "-- {\"9.6\": 1}\n",
        "85..85",
        "`9.6` is not a PostgreSQL major version",
    );
    check("-- {}\n", "81..81", "no PostgreSQL major version is given");
    check("", "77..77", "EOF while parsing a value");
    check("-- {\"18\": []\n", "90..90", "EOF while parsing an object");
    check(
        "-- {\"18\": 1}\n",
        "87..87",
        "invalid type: integer `1`, expected an array of changes",
    );
    check(
        "-- {\"18\": [\n--  {\"object\": [null, \"role\", \"é\"],\n--   \"after\": {}} ]}\n",
        "142..142",
        "`path` is missing",
    );
    check(
        "-- {\"18\": [\n--  {\"path\": [], \"path\": []}]}\n",
        "111..111",
        "`path` is given twice",
    );
    check(
        "-- [1]\n",
        "80..80",
        "invalid type: sequence, expected an object with a key per PostgreSQL major version",
    );
}

#[test]
fn a_schema_diff_needs_its_begin_and_its_end() {
    check_diff(
        "-- segue: schema-diff-begin\n-- {\"18\": []}\n-- segue: no-txn\n-- segue: schema-diff-end\n",
        "
        Autocommit 101..107
        error[unterminated-schema-diff] 59..76: the schema diff has no end
        error[misplaced-directive] 118..133: `schema-diff-end` has no meaning here",
    );
    check_diff(
        "-- segue: schema-diff-begin\n-- {\"18\": []}\n-- segue: schema-dif-end\nSELECT 1",
        "error[unknown-directive] 101..115: there is no directive `schema-dif-end`",
    );
    check_diff(
        "-- segue: no-txn, schema-diff-begin\n",
        "
        Autocommit 59..65
        error[malformed-schema-diff] 67..84: `schema-diff-begin` does not stand alone in its line",
    );
    check_diff(
        "-- segue: schema-diff-begin\n/* */ -- {\"18\": []}\n-- segue: schema-diff-end\n",
        "
        diff [18] 49..123
        error[malformed-schema-diff] 77..82: a block comment stands in the schema diff",
    );
}

#[test]
fn a_password_is_not_shown() {
    let header = "-- codd: no-tnx\n-- codd-connection: postgres://joe:s3cret@db and more\n-- seque: connection: password=s3cret\n-- codd-conection: joe:s3cret@db\n";
    let (_, found) = parse(&Arc::new(Source::new("a.sql", header)));
    assert_eq!(found.len(), 4);
    for diagnostic in found {
        for style in [Style::Plain, Style::Colour] {
            let text = render(&diagnostic, style);
            assert!(!text.contains("s3cret"), "{text}");
        }
        let json = crate::diagnostic::to_json(&diagnostic).to_string();
        assert!(!json.contains("s3cret"), "{json}");
    }
}

fn header() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("-- ".to_owned()),
        Just("segue: ".to_owned()),
        Just("codd: ".to_owned()),
        Just("codd-connection: ".to_owned()),
        prop::sample::select(TABLE).prop_map(|entry| entry.name.to_owned()),
        "[:, .{}\\[\\]\"18/*'é\u{feff}\r\n-]{1,4}",
        Just("a.sql".to_owned()),
        Just("\n".to_owned()),
        Just("\n-- segue: ".to_owned()),
        "\\PC{0,5}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_header_can_be_parsed(text in header(), start in prop::bool::ANY) {
        let text = if start { format!("-- segue: {text}") } else { text };
        let source = Arc::new(Source::new("a.sql", text.as_str()));
        let (directives, found) = parse(&source);
        let end = match super::super::header_len(&text) {
            super::super::HeaderEnd::Complete(length) => length,
            super::super::HeaderEnd::NeedMore => text.len(),
        };
        for diagnostic in &found {
            for label in &diagnostic.labels {
                prop_assert!(label.span.start <= label.span.end);
                prop_assert!(label.span.end <= end);
                prop_assert!(text.is_char_boundary(label.span.start));
                prop_assert!(text.is_char_boundary(label.span.end));
            }
            prop_assert!(render(diagnostic, Style::Plain).starts_with("error["));
        }
        for file in directives.begin_with.iter().chain(&directives.end) {
            prop_assert_eq!(&text[file.span.start..file.span.end], &file.value);
        }
        if let Some(diff) = &directives.schema_diff {
            prop_assert!(diff.span.end <= end);
        }
        // What follows the header changes nothing.
        let header = Arc::new(Source::new("a.sql", &text[..end]));
        prop_assert_eq!(parse(&header).0, directives);
    }

    #[test]
    fn any_text_can_be_parsed(text in "\\PC*") {
        let source = Arc::new(Source::new("a.sql", text.as_str()));
        for diagnostic in parse(&source).1 {
            prop_assert!(diagnostic.labels[0].span.end <= text.len());
        }
    }
}
