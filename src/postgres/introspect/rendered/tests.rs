use super::settled;

#[track_caller]
fn check(sql: &str, expected: &str) {
    assert_eq!(settled(sql), expected);
    assert_eq!(settled(expected), expected, "settled");
}

#[test]
fn a_cast_of_an_array_is_one_of_its_elements() {
    check(
        "CHECK (((k)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
        "CHECK (((k)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
    );
    check(
        "f((ARRAY[a])::\"Odd, \"\"t[]\".\"x\"[]) + 1",
        "f(ARRAY[(a)::\"Odd, \"\"t[]\".\"x\"]) + 1",
    );
    check("(ARRAY[a])::numeric(10,2)[]", "ARRAY[(a)::numeric(10,2)]");
    check(
        "(ARRAY[ARRAY[a], ARRAY[b, c]])::text[]",
        "ARRAY[ARRAY[(a)::text], ARRAY[(b)::text, (c)::text]]",
    );
}

#[test]
fn elements_may_hold_anything() {
    check(
        "(ARRAY[f(a, b), '],('::text, E'\\\\'',', \"a,]\"[1], (ARRAY[x])::t[]])::text[]",
        "ARRAY[(f(a, b))::text, ('],('::text)::text, (E'\\\\'',')::text, (\"a,]\"[1])::text, (ARRAY[(x)::t])::text]",
    );
}

#[test]
fn a_first_operand_with_the_same_operator_is_one_with_the_whole() {
    check(
        "CHECK ((((x = a) OR (x = b)) OR (x = c)))",
        "CHECK (((x = a) OR (x = b) OR (x = c)))",
    );
    check(
        "WHERE (((((x = a) AND y) AND z) AND (p OR q)) OR ((f(a) OR b) OR ' OR '::text))",
        "WHERE (((x = a) AND y AND z AND (p OR q)) OR (f(a) OR b OR ' OR '::text))",
    );
    check(
        "(((x OR y) OR z) AND b) + (((a AND b) AND c))",
        "((x OR y OR z) AND b) + ((a AND b AND c))",
    );
}

#[test]
fn everything_else_stays() {
    for sql in [
        "((x OR y) AND z)",
        "(x OR (y OR z))",
        "(NOT (x OR y) OR z)",
        "(f(x OR y) OR z)",
        "((x OR y)::text OR z)",
        "((x OR y) IS NULL OR z)",
        "(( SELECT a) OR b)",
        ")(((",
        "",
        "a = ANY (ARRAY['a'::text])",
        "'(ARRAY[a])::text[]'::text",
        "\"(ARRAY[a])::text[]\"",
        "(ARRAY[a])[1]",
        "(ARRAY[a])::text",
        "(ARRAY[a])::text || x[]",
        "(ARRAY[a",
        "(ARRAY['a",
    ] {
        check(sql, sql);
    }
}

#[test]
fn a_constant_has_no_name_in_a_subquery() {
    check(
        "(EXISTS ( SELECT 'it''s'::text AS text,\n '-1'::integer AS int4, '-9'::bigint AS int8, NULL::text AS text))",
        "(EXISTS ( SELECT 'it''s'::text,\n '-1'::integer, '-9'::bigint, NULL::text))",
    );
    check(
        "SELECT '-1.5'::numeric AS \"numeric\" FROM t",
        "SELECT '-1.5'::numeric FROM t",
    );
}

#[test]
fn other_names_stay() {
    for sql in [
        "SELECT 'x'::text AS text_of, 'x'::text AS \"text of\", 'x'::text AS int4",
        "SELECT (a)::text AS text, ''' ''x''::text AS text'",
    ] {
        check(sql, sql);
    }
}

#[test]
fn values_are_a_query_of_their_own() {
    check(
        "FROM (VALUES (1), (2)) \"*VALUES*\"",
        "FROM ( VALUES (1), (2)) \"*VALUES*\"",
    );
    check(
        "'(VALUES (1)' || \"(VALUES (\"",
        "'(VALUES (1)' || \"(VALUES (\"",
    );
}
