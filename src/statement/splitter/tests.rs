use std::fmt::Write as _;

use super::*;
use crate::statement::split;

/// The pieces of `chunks`, adjacent data joined, and the error if there is one.
fn pieces(chunks: &[&[u8]]) -> (Vec<Statement>, String) {
    let mut statements = Vec::new();
    let mut shown = String::new();
    let mut data = Vec::new();
    let mut sink = |piece: Piece<'_>| {
        match piece {
            Piece::Statement(statement) => {
                let Position { line, column } = statement.position;
                let copy = if statement.copy == Some(CopyDirection::FromStdin) {
                    " copy"
                } else {
                    ""
                };
                let text = &statement.text;
                writeln!(shown, "{line}:{column}{copy} {text:?}").expect("to a string");
                statements.push(statement);
            }
            Piece::CopyData(bytes) => {
                assert!(!bytes.is_empty(), "empty data");
                data.extend_from_slice(bytes);
            }
            Piece::CopyEnd { raw } => {
                let data = String::from_utf8_lossy(&std::mem::take(&mut data)).into_owned();
                writeln!(shown, "data {data:?} end {}..{}", raw.start, raw.end)
                    .expect("to a string");
            }
        }
        Ok::<_, SplitError>(())
    };
    let mut splitter = Splitter::new();
    let result = chunks
        .iter()
        .try_for_each(|chunk| splitter.push(chunk, &mut sink))
        .and_then(|()| splitter.finish(&mut sink));
    if let Err(error) = result {
        let Span { start, end } = error.span;
        writeln!(shown, "error {error} at {start}..{end}").expect("to a string");
    }
    (statements, shown)
}

/// Shows what `input` is cut into, as a whole and byte by byte.
#[track_caller]
fn check(input: impl AsRef<[u8]>, expected: &str) {
    let input = input.as_ref();
    let (_, shown) = pieces(&[input]);
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(pieces(&bytes).1, shown, "byte by byte");
}

#[test]
fn statements_end_at_semicolons() {
    check(
        "SELECT 1;SELECT 2 ;\n  SELECT 3",
        r#"
        1:1 "SELECT 1"
        1:10 "SELECT 2"
        2:3 "SELECT 3"
    "#,
    );
    check("", "");
    check(" ;; \n;", "");
    check("-- only\n/* comments */", "");
    check("-- only\n/* comments */;", "");
    check(
        "/* a */ SELECT /* b */ 1 /* c */ -- d\n;",
        r#"1:9 "SELECT /* b */ 1""#,
    );
    check(
        "SELECT 1\r\n;\r\nSELECT\r\n2;\r\n",
        r#"
        1:1 "SELECT 1"
        3:1 "SELECT\r\n2"
    "#,
    );
    check(
        "é; 'ü'; SELECT é",
        r#"
        1:1 "é"
        1:4 "'ü'"
        1:9 "SELECT é"
    "#,
    );
    check(
        "SELECT :a, b::c, d[1:2], :'e', f(g := 1);",
        r#"1:1 "SELECT :a, b::c, d[1:2], :'e', f(g := 1)""#,
    );
}

#[test]
fn a_byte_order_mark_is_skipped() {
    check("\u{feff}SELECT 1;", r#"1:1 "SELECT 1""#);
    check("\u{feff}", "");
    check(b"\xef\xbb", "error 1:1: statement is not UTF-8 at 0..1");
    check(
        "SELECT 1;\u{feff}",
        "1:1 \"SELECT 1\"\n1:10 \"\u{feff}\""
            .replace('\u{feff}', "\\u{feff}")
            .as_str(),
    );
}

#[test]
fn semicolons_in_quotes_and_comments_do_not_count() {
    check(
        r#"';' E'\';' "a;" $$;$$ $a$;$$;$a$ /*;/*;*/;*/ --;"#,
        r#"1:1 "';' E'\\';' \"a;\" $$;$$ $a$;$$;$a$""#,
    );
    check("E'a'\n'\\';'; B", "1:1 \"E'a'\\n'\\\\';'\"\n2:8 \"B\"");
    check("a$b$;c$b$", "1:1 \"a$b$\"\n1:6 \"c$b$\"");
    check("$1$;$;$2", "1:1 \"$1$\"\n1:5 \"$\"\n1:7 \"$2\"");
    check("1+--;\n2;1*/*;*/2", "1:1 \"1+--;\\n2\"\n2:3 \"1*/*;*/2\"");
    check("--a\rb;c", "1:5 \"b\"\n1:7 \"c\"");
}

#[test]
fn semicolons_in_parentheses_do_not_count() {
    check(
        "CREATE RULE r AS ON INSERT TO t DO (a; b); c",
        r#"
        1:1 "CREATE RULE r AS ON INSERT TO t DO (a; b)"
        1:44 "c"
    "#,
    );
    check("a); b", "1:1 \"a)\"\n1:5 \"b\"");
    check("(a; b", r#"1:1 "(a; b""#);
}

#[test]
fn semicolons_in_sql_bodies_do_not_count() {
    for create in ["CREATE FUNCTION", "create or replace procedure"] {
        let body = "f() BEGIN /**/ ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT (CASE 1 END); END";
        check(
            format!("{create} {body}; x"),
            &format!(
                "1:1 \"{create} {body}\"\n1:{} \"x\"",
                create.len() + body.len() + 4
            ),
        );
    }
    check(
        "BEGIN; END; CREATE TABLE begin(atomic int); x",
        r#"
        1:1 "BEGIN"
        1:8 "END"
        1:13 "CREATE TABLE begin(atomic int)"
        1:45 "x"
    "#,
    );
    check(
        "CREATE FUNCTION begin() RETURN 1; x",
        "1:1 \"CREATE FUNCTION begin() RETURN 1\"\n1:35 \"x\"",
    );
    check(
        "CREATE FUNCTION f() RETURN CASE WHEN a THEN b END; x",
        r#"
        1:1 "CREATE FUNCTION f() RETURN CASE WHEN a THEN b END"
        1:52 "x"
    "#,
    );
    check(
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT t.end AS end, begin AS case; END; x",
        r#"
        1:1 "CREATE FUNCTION f() BEGIN ATOMIC SELECT t.end AS end, begin AS case; END"
        1:75 "x"
    "#,
    );
    check(
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;",
        r#"1:1 "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;""#,
    );
}

#[test]
fn data_follows_copy_from_stdin() {
    check(
        "COPY t FROM stdin;\n1\n\\.\nx;",
        r#"
        1:1 copy "COPY t FROM stdin"
        data "1\n" end 21..24
        4:1 "x"
    "#,
    );
    check(
        "copy \"a;\".\"from\" (b, \"c\") /* x */ from -- y\n STDIN WITH (format csv);\r\n1\r\n\\.\r\nx;",
        r#"
        1:1 copy "copy \"a;\".\"from\" (b, \"c\") /* x */ from -- y\n STDIN WITH (format csv)"
        data "1\r\n" end 74..78
        5:1 "x"
    "#,
    );
    check(
        "COPY t FROM STDIN; -- c\n\\.\n",
        r#"
        1:1 copy "COPY t FROM STDIN"
        data "" end 24..27
    "#,
    );
    check(
        "COPY t FROM STDIN;;\nx\n\\.",
        r#"
        1:1 copy "COPY t FROM STDIN"
        data "x\n" end 22..24
    "#,
    );
    check(
        "COPY t FROM STDIN WHERE a\n;\nx\n",
        r#"
        1:1 copy "COPY t FROM STDIN WHERE a"
        data "x\n" end 30..30
    "#,
    );
    check(
        "COPY t FROM STDIN;",
        r#"
        1:1 copy "COPY t FROM STDIN"
        data "" end 18..18
    "#,
    );
    check(
        "COPY t FROM STDIN",
        r#"
        1:1 copy "COPY t FROM STDIN"
        data "" end 17..17
    "#,
    );
    for other in [
        "COPY t TO STDOUT",
        "COPY t FROM 'stdin'",
        "COPY t FROM PROGRAM 'x'",
        "COPY stdin FROM 'a'",
        "COPY (SELECT 1 FROM stdin) TO STDOUT",
        "SELECT copy FROM stdin",
        "COPY t (\"from\") TO stdin",
    ] {
        check(
            format!("{other};\n1\n;"),
            &format!("1:1 \"{}\"\n2:1 \"1\"", other.replace('"', "\\\"")),
        );
    }
}

#[test]
fn an_answer_of_data_is_foreseen() {
    for (text, expected) in [
        ("COPY t TO STDOUT", true),
        ("copy \"to\".t (a) to stdin (FORMAT binary)", true),
        ("COPY (SELECT 1 AS \"to\" FROM stdin) TO stdout", true),
        ("COPY BINARY t TO STDOUT", true),
        ("COPY t TO 'stdout'", false),
        ("COPY t TO PROGRAM 'x'", false),
        ("COPY t FROM 'to'", false),
        ("SELECT 1 TO STDOUT", false),
    ] {
        assert_eq!(
            split(text).expect(text)[0].copy == Some(CopyDirection::ToStdout),
            expected,
            "{text}"
        );
    }
}

#[test]
fn only_a_line_of_its_own_ends_data() {
    check(
        b"COPY t FROM STDIN;\n\\.x\n\\\\.\n \\.\n\\\n.\xff\n\\..\n\\\r\n\\.\r\r\n\\.\r\nx",
        r#"
        1:1 copy "COPY t FROM STDIN"
        data "\\.x\n\\\\.\n \\.\n\\\n.�\n\\..\n\\\r\n\\.\r\r\n" end 48..52
        11:1 "x"
    "#,
    );
    check(
        "COPY t FROM STDIN;\na\\.\n\\",
        r#"
        1:1 copy "COPY t FROM STDIN"
        data "a\\.\n\\" end 24..24
    "#,
    );
}

#[test]
fn a_statement_on_the_line_of_a_copy_comes_after_its_data() {
    check(
        "COPY a FROM STDIN; x; COPY b FROM STDIN; y;\n1\n\\.\n2\n\\.\nz",
        r#"
        1:1 copy "COPY a FROM STDIN"
        data "1\n" end 46..49
        1:20 "x"
        1:23 copy "COPY b FROM STDIN"
        data "2\n" end 51..54
        1:42 "y"
        6:1 "z"
    "#,
    );
    check(
        "COPY a FROM STDIN; x",
        r#"
        1:1 copy "COPY a FROM STDIN"
        data "" end 20..20
        1:20 "x"
    "#,
    );
    let end = "data \"\" end 54..54";
    check(
        "COPY a FROM STDIN;COPY b FROM STDIN;COPY c FROM STDIN;",
        &format!(
            "1:1 copy \"COPY a FROM STDIN\"\n{end}\n1:19 copy \"COPY b FROM STDIN\"\n{end}\n\
             1:37 copy \"COPY c FROM STDIN\"\n{end}"
        ),
    );
    for rest in ["x", "/* x", "'x", "y; $$"] {
        let (statements, shown) =
            pieces(&[format!("COPY a FROM STDIN; {rest}\n1\n\\.\n;").as_bytes()]);
        assert!(statements.len() <= 2);
        let start = 19 + rest.find("; ").map_or(0, |at| at + 2);
        let error = format!(
            "error 1:{}: statement is cut in two by the data of a `COPY` at {start}..{}",
            start + 1,
            20 + rest.len()
        );
        assert_eq!(shown.lines().last(), Some(error.as_str()));
    }
}

#[test]
fn meta_commands_are_refused() {
    check(
        "SELECT 1 \\gset\n",
        "error 1:10: psql meta-command `\\gset` is not SQL at 9..14",
    );
    check(
        "x;\n  \\d t\ny",
        "1:1 \"x\"\nerror 2:3: psql meta-command `\\d` is not SQL at 5..7",
    );
    check(
        "a\\;b;",
        "error 1:2: psql meta-command `\\;` is not SQL at 1..3",
    );
    check("\\", "error 1:1: psql meta-command `\\` is not SQL at 0..1");
    check(
        "'\\' \"\\\" $$\\$$ --\\",
        "1:1 \"'\\\\' \\\"\\\\\\\" $$\\\\$$\"",
    );
}

#[test]
fn restrict_lines_are_skipped() {
    check(
        "\\restrict aB1\n\nSELECT 1;\n\\unrestrict aB1\n",
        r#"3:1 "SELECT 1""#,
    );
    check("\\unrestrict a", "");
    check(
        "\\restrict a \\d\n",
        "error 1:1: psql meta-command `\\restrict` is not SQL at 0..9",
    );
    check(
        "a \\restrict a\n",
        "error 1:3: psql meta-command `\\restrict` is not SQL at 2..11",
    );
    check(
        "\\restricted a\n",
        "error 1:1: psql meta-command `\\restricted` is not SQL at 0..11",
    );
}

#[test]
fn what_never_ends_is_an_error() {
    check(
        "x;\n 'a",
        "1:1 \"x\"\nerror 2:2: unterminated string at 4..5",
    );
    check("x E'a\\'", "error 1:3: unterminated string at 2..4");
    check("E'\\", "error 1:1: unterminated string at 0..2");
    check("x \"a", "error 1:3: unterminated quoted identifier at 2..3");
    check(
        "x\n$a$ $$",
        "error 2:1: unterminated dollar-quoted string at 2..5",
    );
    check("/* a /* b */\n", "error 1:1: unterminated comment at 0..2");
    check(
        "x; /* a",
        "1:1 \"x\"\nerror 1:4: unterminated comment at 3..5",
    );
    check("x\n /* a *", "error 2:2: unterminated comment at 3..5");
}

#[test]
fn bytes_that_postgresql_takes_nowhere_are_errors() {
    check(
        b"x;\n'\xc3\xa4\xff';",
        "1:1 \"x\"\nerror 2:3: statement is not UTF-8 at 6..7",
    );
    check(
        b"'a\0'",
        "error 1:3: statement contains a zero byte at 2..3",
    );
}

#[test]
fn a_backslash_escapes_where_the_setting_says_so() {
    check(
        r"SET standard_conforming_strings = off; 'a\'; b'; E'\'', 'c' 'd\';'; RESET ALL; 'e\'; f",
        r#"
        1:1 "SET standard_conforming_strings = off"
        1:40 "'a\\'; b'"
        1:50 "E'\\'', 'c' 'd\\';'"
        1:69 "RESET ALL"
        1:80 "'e\\'"
        1:86 "f"
    "#,
    );
    // Of these the server's scanner reads no escapes, whatever is set.
    check(
        r"SET standard_conforming_strings = off; B'\'; x'\'; U&'\'; aB'\';'; & '\';'; N'\';'",
        r#"
        1:1 "SET standard_conforming_strings = off"
        1:40 "B'\\'"
        1:46 "x'\\'"
        1:52 "U&'\\'"
        1:59 "aB'\\';'"
        1:68 "& '\\';'"
        1:77 "N'\\';'"
    "#,
    );
    check(
        "SET standard_conforming_strings = off;COPY t FROM stdin;'\\'';\n1\n\\.\n'\\'';SET standard_conforming_strings = on;COPY t FROM stdin; '\\';\n\\.\n'\\'",
        r#"
        1:1 "SET standard_conforming_strings = off"
        1:39 copy "COPY t FROM stdin"
        data "1\n" end 64..67
        1:57 "'\\''"
        4:1 "'\\''"
        4:6 "SET standard_conforming_strings = on"
        4:43 copy "COPY t FROM stdin"
        data "" end 133..136
        4:62 "'\\'"
        6:1 "'\\'"
    "#,
    );
}

#[test]
fn what_only_the_server_reads_right_is_marked() {
    let text = r"'\\'; SET standard_conforming_strings = off; 'a'; 'b\\'; E'\\'; $$\$$; RESET ALL";
    let (statements, _) = pieces(&[text.as_bytes()]);
    let marks: Vec<_> = statements
        .iter()
        .map(|one| (one.is_misread(&one.text), one.resets_strings))
        .collect();
    let (plain, marked, resets) = ((false, false), (true, false), (false, true));
    assert_eq!(marks, [plain, plain, plain, marked, marked, marked, resets]);
    let of = |text: &str| {
        split(&format!("SET standard_conforming_strings = off; {text}")).expect(text)[1]
            .fingerprint()
    };
    // Its layout cannot be told from its strings.
    assert_ne!(of(r"SELECT 'a\'  b'"), of(r"SELECT 'a\' b'"));
    assert_eq!(of("SELECT  1"), of("SELECT 1"));
}

#[test]
fn a_transaction_takes_its_local_setting_along() {
    let text = r"SET LOCAL standard_conforming_strings = off; 'a\''";
    let mut splitter = Splitter::in_transaction();
    let mut count = 0;
    let mut sink = |_: Piece<'_>| {
        count += 1;
        Ok::<_, SplitError>(())
    };
    splitter.push(text.as_bytes(), &mut sink).expect("whole");
    splitter.finish(&mut sink).expect("whole");
    assert_eq!(count, 2);
    let error = split(text).expect_err("outside of one it is a warning");
    assert_eq!(error.kind, SplitErrorKind::UnterminatedString);
}

#[test]
fn binary_data_is_refused() {
    for copy in [
        "COPY t FROM STDIN (FORMAT binary)",
        "copy \"binary\" from stdin with (freeze, Format 'BINARY')",
        "COPY t (a) FROM STDIN WITH (FREEZE, \"format\" \"binary\")",
        "COPY t FROM STDIN BINARY",
        "COPY t FROM STDIN WITH BINARY",
        "COPY BINARY s.t (a) FROM STDIN",
    ] {
        let length = copy.len();
        check(
            format!("{copy};\nabc"),
            &format!("error 1:1: binary data cannot stand in a migration at 0..{length}"),
        );
    }
    for copy in [
        "COPY t FROM STDIN (FORMAT csv, NULL 'binary', FORCE_NULL (format, b))",
        "COPY s.binary FROM STDIN",
        "COPY \"binary\" (\"format\", b) FROM STDIN",
        "COPY t FROM STDIN DELIMITER AS ',' NULL AS 'binary' CSV HEADER QUOTE '!' FORCE NOT NULL a",
        "COPY t FROM STDIN WITH (FORMAT csv, DELIMITER ',', NULL '', HEADER MATCH, ON_ERROR ignore, LOG_VERBOSITY verbose, ENCODING 'UTF8')",
        "COPY t FROM STDIN (FORMAT text) WHERE (format = 'x') OR binary(a)",
    ] {
        check(
            format!("{copy};\nabc"),
            &format!(
                "1:1 copy {copy:?}\ndata \"abc\" end {0}..{0}",
                copy.len() + 5
            ),
        );
    }
    for copy in [
        "COPY t FROM '/x' (FORMAT binary)",
        "COPY t TO STDOUT (FORMAT binary)",
        "COPY t FROM PROGRAM 'x' BINARY",
    ] {
        check(copy, &format!("1:1 {copy:?}"));
    }
}

#[test]
fn large_statements_keep_their_places() {
    let value = "é\n".repeat(LARGE_STATEMENT_BYTES / 3 + 1);
    let input = format!("x; '{value}';\n y");
    let (statements, _) = pieces(&[input.as_bytes()]);
    let places: Vec<_> = statements
        .iter()
        .map(|one| (one.position.line, one.position.column))
        .collect();
    assert_eq!(places, [(1, 1), (1, 4), (LARGE_STATEMENT_BYTES / 3 + 3, 2)]);
    for statement in &statements {
        assert!(statement.text == input[statement.span.start..statement.span.end]);
    }
}
