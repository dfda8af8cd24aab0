//! Text search, collations, conversions.

use super::made::check;

#[test]
fn configurations_dictionaries_parsers_and_templates() {
    check(
        r#"
        CREATE TEXT SEARCH PARSER words (
            start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline
        );
        CREATE TEXT SEARCH TEMPLATE plain (init = dsimple_init, lexize = dsimple_lexize);
        CREATE TEXT SEARCH DICTIONARY ours (template = plain, stopwords = english, accept = false);
        CREATE TEXT SEARCH CONFIGURATION reading (parser = words);
        ALTER TEXT SEARCH CONFIGURATION reading ADD MAPPING FOR word, email WITH ours, english_stem;
        ALTER TEXT SEARCH CONFIGURATION reading ADD MAPPING FOR int WITH simple;
        CREATE TEXT SEARCH CONFIGURATION nothing (parser = "default");
        COMMENT ON TEXT SEARCH PARSER words IS 'p';
        COMMENT ON TEXT SEARCH TEMPLATE plain IS 't';
        COMMENT ON TEXT SEARCH DICTIONARY ours IS 'd';
        COMMENT ON TEXT SEARCH CONFIGURATION reading IS 'c';
        ALTER TEXT SEARCH DICTIONARY ours OWNER TO :reader;
        ALTER TEXT SEARCH CONFIGURATION reading OWNER TO :reader;
        "#,
        r#"
        {
          "text search configuration public.nothing": {
            "parser": "pg_catalog.\"default\""
          },
          "text search configuration public.reading": {
            "comment": "c",
            "mappings": {
              "email": ["public.ours", "english_stem"],
              "int": ["simple"],
              "word": ["public.ours", "english_stem"]
            },
            "owner": "reader",
            "parser": "public.words"
          },
          "text search dictionary public.ours": {
            "comment": "d",
            "options": "stopwords = 'english', accept = 'false'",
            "owner": "reader",
            "template": "public.plain"
          },
          "text search parser public.words": {
            "comment": "p",
            "end": "prsd_end(internal)",
            "gettoken": "prsd_nexttoken(internal,internal,internal)",
            "headline": "prsd_headline(internal,internal,tsquery)",
            "lextypes": "prsd_lextype(internal)",
            "start": "prsd_start(internal,integer)"
          },
          "text search template public.plain": {
            "comment": "t",
            "init": "dsimple_init(internal)",
            "lexize": "dsimple_lexize(internal,internal,internal,internal)"
          }
        }
        "#,
    );
}

#[test]
fn collations() {
    check(
        r"
        CREATE COLLATION plain (lc_collate = 'C', lc_ctype = 'POSIX');
        CREATE COLLATION loose (provider = icu, locale = 'de-u-ks-level2', deterministic = false);
--@16 CREATE COLLATION ruled (provider = icu, locale = 'de', rules = '&V << w <<< W');
--@17 CREATE COLLATION builtin (provider = builtin, locale = 'C.UTF-8');
        COMMENT ON COLLATION plain IS 'As bytes';
        ALTER COLLATION plain OWNER TO :reader;
        ",
        r#"
        {
--@17     "collation public.builtin": {"locale": "C.UTF-8", "provider": "builtin"},
--@16     "collation public.ruled": {"locale": "de", "provider": "icu", "rules": "&V << w <<< W"},
          "collation public.loose": {
            "deterministic": false,
            "locale": "de-u-ks-level2",
            "provider": "icu"
          },
          "collation public.plain": {
            "comment": "As bytes",
            "lc_collate": "C",
            "lc_ctype": "POSIX",
            "owner": "reader",
            "provider": "libc"
          }
        }
        "#,
    );
}

#[test]
fn conversions() {
    check(
        r"
        CREATE DEFAULT CONVERSION ours FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
        COMMENT ON CONVERSION ours IS 'To the new';
        CREATE CONVERSION other FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
        ",
        r#"
        {
          "conversion public.other": {
            "for": "UTF8",
            "function": "utf8_to_iso8859_1(integer,integer,cstring,internal,integer,boolean)",
            "to": "LATIN1"
          },
          "conversion public.ours": {
            "comment": "To the new",
            "default": true,
            "for": "LATIN1",
            "function": "iso8859_1_to_utf8(integer,integer,cstring,internal,integer,boolean)",
            "to": "UTF8"
          }
        }
        "#,
    );
}
