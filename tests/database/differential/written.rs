//! Files that somebody has written, and that tools have stumbled over.

use super::{File, compare};
use crate::support::TestDatabase;

/// Compares these files, in their order.
#[track_caller]
fn check(files: &[&str]) {
    let files: Vec<File> = files
        .iter()
        .enumerate()
        .map(|(index, text)| File::new(index, *text))
        .collect();
    compare(&files, |_: &TestDatabase<'_>| ());
}

#[test]
fn layouts() {
    check(&[
        "",
        "-- nothing but a comment",
        "/* nothing; */;;\n;\n",
        "\u{feff}CREATE TABLE a (id int, t text);",
        "-- first\r\nINSERT INTO a\r\n\r\nVALUES (1, 'a\r\nb')/* c */ -- d\r\n;\r\nINSERT INTO a VALUES (2, '')\r\n",
        "INSERT INTO a VALUES (3, ';'/*;*/)--;\n;INSERT INTO a VALUES (4, '--;')\n-- end",
        "INSERT INTO a VALUES (5, $$;$$), (6, $a$;$$;$a$), (7, E'\\';'), (8, 'it''s;') ;;",
        "-- segue: no-txn\nBEGIN/*a*/;INSERT INTO a VALUES (9, 'x');COMMIT/*b*/;BEGIN;INSERT INTO a VALUES (10, 'y');\nEND--;\n;",
        "-- segue: no-txn\nBEGIN; INSERT INTO a VALUES (11, ''); ROLLBACK; INSERT INTO a VALUES (12, '')",
        "-- segue: no-txn\nSTART TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO a VALUES (13, ''); COMMIT AND CHAIN; INSERT INTO a VALUES (14, ''); ROLLBACK AND CHAIN; INSERT INTO a VALUES (15, ''); END",
    ]);
}

#[test]
fn strings() {
    check(&[
        "CREATE TABLE a (id serial, t text);",
        "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\nINSERT INTO a (t) VALUES ('a\\';b'), (E'c\\'d'), ('e\\\\'), ('f''g');\nRESET standard_conforming_strings;\nINSERT INTO a (t) VALUES ('a\\');\n",
        "INSERT INTO a (t) VALUES ('b\\');\nSET LOCAL standard_conforming_strings TO off;\nINSERT INTO a (t) VALUES ('c\\'d\\n');\nSAVEPOINT s;\nSET standard_conforming_strings = on;\nINSERT INTO a (t) VALUES ('e\\');\nROLLBACK TO s;\nINSERT INTO a (t) VALUES ('f\\'g');\nCOPY a (t) FROM stdin;\nh\\\\i\n\\.\nINSERT INTO a (t) VALUES ('\\'');\n",
        "INSERT INTO a (t) VALUES ('k\\');\n",
        "-- segue: no-txn\nSET standard_conforming_strings = off;\nINSERT INTO a (t) VALUES ('l\\'m');\nBEGIN;\nSET standard_conforming_strings = on;\nINSERT INTO a (t) VALUES ('n\\');\nROLLBACK;\nINSERT INTO a (t) VALUES ('o\\'p');\nDISCARD ALL;\nINSERT INTO a (t) VALUES ('q\\');\n",
        "INSERT INTO a (t) VALUES (U&'!0061;' UESCAPE '!'), (U&'\\0061''\\+000061'), (N'n;'), (X'1F'::int::text), (B'101'::int::text), ('x' -- ;\n  'y');\nCOMMENT ON TABLE a IS U&'d!0061t!+000061;' UESCAPE '!';\nCREATE TABLE U&\"d!0061t;\" UESCAPE '!' (\"a;\"\"b\" int);\n",
    ]);
}

#[test]
fn bodies_and_rules() {
    check(&[
        "CREATE TABLE a (id int, t text);\nCREATE RULE r AS ON UPDATE TO a DO ALSO (INSERT INTO a VALUES (1, 'rule;'); DELETE FROM a WHERE id = 0; NOTIFY a);\nINSERT INTO a VALUES (0, ''), (2, '');\nUPDATE a SET t = 'x' WHERE id = 2;\n",
        "CREATE FUNCTION f(i int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT CASE i WHEN 1 THEN CASE WHEN true THEN 'end;' ELSE 'b' END ELSE (SELECT CASE WHEN false THEN 'c' END) END; SELECT t FROM a WHERE id = i; END;\nCREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO a VALUES (3, f(2)); INSERT INTO a SELECT CASE WHEN id = 2 THEN 4 ELSE 5 END, t FROM a; END;\nCALL p();\n",
        "CREATE FUNCTION g() RETURNS text LANGUAGE sql RETURN CASE WHEN true THEN 'a;' END;\nDO $do$ BEGIN EXECUTE $e$ CREATE FUNCTION h() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END $f$ $e$; END $do$;\nINSERT INTO a VALUES (h(), g())",
        "-- segue: no-txn\nCREATE PROCEDURE q() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 10..12 LOOP INSERT INTO a VALUES (i, 'q'); COMMIT; END LOOP; END $$;\nCALL q();\nDO $$ BEGIN INSERT INTO a VALUES (20, ''); COMMIT; INSERT INTO a VALUES (21, ''); ROLLBACK; END $$;\n",
    ]);
}

#[test]
fn copies() {
    check(&[
        "CREATE SCHEMA \"s;\";\nCREATE TABLE \"s;\".\"t;\" (a int, \"b;\" text);\n/* data */ -- follows\nCOPY \"s;\".\"t;\" (\"b;\", a) /* c */ FROM -- d\n  STDIN -- e\n;-- f\nx\t1\n\\N\t2\n\\\\.\t3\n\\.\nINSERT INTO \"s;\".\"t;\" VALUES (4, 'after');\n",
        "COPY \"s;\".\"t;\" FROM STDIN WITH (FORMAT csv, DELIMITER ';', NULL 'null', HEADER true, QUOTE '!', ESCAPE '!', FORCE_NOT_NULL (\"b;\"), ENCODING 'UTF8');\na;b\n5;!x\ny!\n6;null\n\\.\nCOPY \"s;\".\"t;\" FROM STDIN (FORMAT csv, FORCE_NULL (\"b;\"));\n7,\"\"\n8,\"a\nb\"\n\\.\n",
        "COPY \"s;\".\"t;\" FROM STDIN DELIMITER AS '|' NULL AS 'nil' CSV HEADER QUOTE AS '''' FORCE NOT NULL \"b;\";\na|b\n9|'x'\n10|nil\n\\.\nCOPY \"s;\".\"t;\" FROM STDIN WITH DELIMITER ',' NULL '';\n11,\n12,z\n\\.\nCOPY \"s;\".\"t;\" FROM STDIN USING DELIMITERS '|';\n13|w\n\\.\n",
        "COPY \"s;\".\"t;\" FROM STDIN WHERE a > 14 AND \"b;\" <> ';';\r\n14\ta\r\n15\tb\r\n\\.\r\nCOPY \"s;\".\"t;\" FROM STDIN;\r\n\\.\r\nINSERT INTO \"s;\".\"t;\" VALUES (16, 'crlf');\r\n",
        "COPY \"s;\".\"t;\" FROM STDIN; INSERT INTO \"s;\".\"t;\" VALUES (18, 'same line');\n17\tq\n\\.\nCOPY \"s;\".\"t;\" FROM STDIN;\n19\tno end",
        "COPY \"s;\".\"t;\" TO '/dev/null';\nCOPY (SELECT a, 'stdin' FROM \"s;\".\"t;\") TO STDOUT;\nCOPY \"s;\".\"t;\" TO STDOUT (FORMAT binary);\nCOPY \"s;\".\"t;\" FROM PROGRAM 'printf \"20\\tprogram\\n\"';\nCOPY \"s;\".\"t;\" FROM '/dev/null' (FORMAT csv);\nCREATE TABLE after ();\n",
        "-- segue: no-txn\nCOPY \"s;\".\"t;\" FROM STDIN;\n21\tautocommit\n\\.\nBEGIN;\nCOPY \"s;\".\"t;\" FROM STDIN (FREEZE false);\n22\tblock\n\\.\nCOPY \"s;\".\"t;\" TO STDOUT;\nCOMMIT;\nCOPY \"s;\".\"t;\" TO STDOUT;\n",
    ]);
}

#[test]
fn sessions() {
    let body = "CREATE TEMP TABLE tmp (id int) ON COMMIT PRESERVE ROWS;\nINSERT INTO tmp VALUES (1), (2), (3);\nPREPARE ins (int) AS INSERT INTO a SELECT $1, 'prepared;' FROM tmp;\nEXECUTE ins (1);\nDEALLOCATE ins;\nLISTEN a;\nNOTIFY a, 'b;';\nUNLISTEN *;\nEXPLAIN SELECT 1;\nSHOW search_path;\nVALUES (1), (2);\nTABLE a;\nSELECT ; SELECT 1; SELECT 2\n;CREATE TABLE tmp2 AS SELECT * FROM tmp;\nDROP TABLE tmp;\nSET search_path = pg_catalog;\nINSERT INTO public.a VALUES (2, current_setting('search_path'));\nRESET search_path;\n";
    let block = "LOCK TABLE a IN ACCESS EXCLUSIVE MODE;\nSAVEPOINT one;\nINSERT INTO a VALUES (3, 'gone');\nROLLBACK TO SAVEPOINT one;\nRELEASE one;\nSAVEPOINT two;\nINSERT INTO a VALUES (4, 'stays');\nRELEASE SAVEPOINT two;\nDECLARE c CURSOR FOR SELECT * FROM a ORDER BY id;\nFETCH 1 FROM c;\nMOVE FORWARD 1 IN c;\nUPDATE a SET t = 'seen' WHERE id = 1;\nCLOSE c;\nSET LOCAL search_path = pg_catalog;\nINSERT INTO public.a VALUES (5, current_setting('search_path'));\nSET CONSTRAINTS ALL DEFERRED;\n";
    check(&[
        "CREATE TABLE a (id int, t text);",
        &format!("{body}{block}"),
        &format!(
            "-- segue: no-txn\nDROP TABLE tmp2;\n{body}BEGIN;\n{block}COMMIT;\nBEGIN;\n{block}ROLLBACK;\nBEGIN;\n{block}END;\nINSERT INTO a VALUES (6, current_setting('search_path'));\nVACUUM a;\nDECLARE h CURSOR WITH HOLD FOR TABLE a;\nFETCH ALL h;\n"
        ),
    ]);
}
