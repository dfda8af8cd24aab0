//! Files made at random, of statements that are right and layouts that are odd.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::{File, compare};

/// Between two statements, and around words.
fn trivia() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        " ",
        "\n",
        "\r\n",
        "\t",
        " /* ; */ ",
        "/*/*;*/';*/",
        " -- ;'\n",
        "--\n",
        "\n\n\n",
        " -- $$\r\n",
    ])
}

/// A string literal, however it is quoted.
fn literal() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "''",
        "'a;b'",
        "'it''s'",
        "'--'",
        "'/*'",
        "'\\'",
        "'\r\n;'",
        "'\u{e9}\u{1f600}'",
        "E'a\\';\\n'",
        "e'\\\\'",
        "$$;'$$",
        "$a$;$$;--$a$",
        "$\u{e9}$'$\u{e9}$",
        "U&'\\0061;'",
        "N'n;'",
        "'a'\n'b;'",
        "'copy t from stdin;'",
        "'\\.'",
    ])
}

/// What a statement does, before its words are put together.
#[derive(Clone, Debug)]
enum Statement {
    Insert(&'static str),
    Function(&'static str),
    Atomic(&'static str),
    Table,
    Rule,
    Copy(Vec<&'static str>, &'static str),
    Savepoint(&'static str),
    Strings(&'static str),
    Empty,
}

fn statement() -> impl Strategy<Value = Statement> {
    let line = prop::sample::select(vec![
        "a", "", "\\\\.", "\\\\.x", ";", "'", "$$", "\\N", "--", "/*", "\u{e9}", " ",
    ]);
    let newline = prop::sample::select(vec!["\n", "\r\n"]);
    prop_oneof![
        6 => literal().prop_map(Statement::Insert),
        2 => literal().prop_map(Statement::Function),
        1 => literal().prop_map(Statement::Atomic),
        1 => Just(Statement::Table),
        1 => Just(Statement::Rule),
        3 => (prop::collection::vec(line, 0..4), newline)
            .prop_map(|(lines, newline)| Statement::Copy(lines, newline)),
        1 => literal().prop_map(Statement::Savepoint),
        1 => literal().prop_map(Statement::Strings),
        1 => Just(Statement::Empty),
    ]
}

impl Statement {
    /// Its text with `gap` between its words and before its `;`, and what ends
    /// it.
    fn text(&self, number: &str, gap: &str) -> String {
        let words = match self {
            Self::Insert(literal) => format!("INSERT INTO t (a) VALUES ( {literal} )"),
            Self::Function(literal) => format!(
                "CREATE FUNCTION f{number}() RETURNS text LANGUAGE plpgsql AS $body$ BEGIN RETURN {literal}; END $body$"
            ),
            Self::Atomic(literal) => format!(
                "CREATE FUNCTION g{number}() RETURNS text BEGIN ATOMIC SELECT CASE WHEN true THEN {literal} END; END"
            ),
            Self::Table => format!("CREATE TABLE t{number} ( a int )"),
            Self::Rule => format!(
                "CREATE TABLE r{number} ( a int ); CREATE RULE r AS ON INSERT TO r{number} DO ALSO ( DELETE FROM r{number}; SELECT 1; )"
            ),
            Self::Copy(lines, newline) => {
                let lines: String = lines.iter().flat_map(|line| [*line, *newline]).collect();
                return format!(
                    "COPY{gap}t{gap}( a ){gap}FROM{gap}STDIN{gap};{newline}{lines}\\.{newline}"
                );
            }
            Self::Savepoint(literal) => format!(
                "SAVEPOINT s; INSERT INTO t (a) VALUES ({literal}); ROLLBACK TO s; RELEASE s"
            ),
            Self::Strings(literal) => format!(
                "SET standard_conforming_strings = off;\nINSERT INTO t (a) VALUES ('b\\';', {literal});\nSET standard_conforming_strings = on;\nINSERT INTO t (a) VALUES ('b\\', {literal})"
            )
            .replace("(a)", "(a, b)"),
            Self::Empty => String::new(),
        };
        // Only where no word is part of a literal.
        let words = match words.split_once(' ') {
            Some((first, rest)) => format!("{first}{gap}{rest}"),
            None => words,
        };
        format!("{words}{gap};")
    }

    /// Whether it has to stand in a transaction, and whether it is read alike
    /// by psql, which looks at the setting line by line.
    fn needs_transaction(&self) -> bool {
        matches!(self, Self::Savepoint(_))
    }
}

type Generated = (Vec<(Statement, &'static str)>, bool, bool, bool);

fn file() -> impl Strategy<Value = Generated> {
    let statements = prop::collection::vec((statement(), trivia()), 0..12);
    (statements, any::<bool>(), any::<bool>(), any::<bool>())
}

fn render(index: usize, (statements, autocommits, has_mark, is_cut): &Generated) -> File {
    let mut text = String::new();
    if *has_mark {
        text.push('\u{feff}');
    }
    if *autocommits {
        text.push_str("-- segue: no-txn\n");
    }
    let mut ends_in_data = false;
    for (number, (statement, gap)) in statements.iter().enumerate() {
        let number = format!("{index}_{number}");
        let wraps = *autocommits && (statement.needs_transaction() || number.ends_with('3'));
        if wraps {
            text.push_str("BEGIN/**/;");
        }
        text.push_str(&statement.text(&number, gap));
        text.push_str(if wraps { "COMMIT;" } else { "" });
        ends_in_data = !wraps && matches!(statement, Statement::Copy(..));
        // Of two on one line, psql reads the second before the first one's end
        // is known.
        if !ends_in_data {
            text.push('\n');
        }
    }
    if *is_cut && !ends_in_data {
        text.truncate(text.trim_end_matches([';', '\n']).len());
    }
    File::new(index, text)
}

#[test]
fn generated_files_end_alike() {
    // Each case makes two databases and dumps them; `make test-all` has time
    // for more.
    let cases = std::env::var("SEGUE_TEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(6);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(4),
        max_shrink_iters: 40,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(file(), 1..8), |files| {
            let files: Vec<File> = files
                .iter()
                .enumerate()
                .map(|(index, file)| render(index, file))
                .collect();
            compare(&files, |database| {
                database.run("CREATE TABLE t (id serial, a text, b text)");
            });
            Ok(())
        })
        .expect("psql and segue agree");
}
