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
}

#[test]
fn elements_may_hold_anything() {
    check(
        "(ARRAY[f(a, b), '],('::text, E'\\\\'',', \"a,]\"[1], (ARRAY[x])::t[]])::text[]",
        "ARRAY[(f(a, b))::text, ('],('::text)::text, (E'\\\\'',')::text, (\"a,]\"[1])::text, (ARRAY[(x)::t])::text]",
    );
}

#[test]
fn everything_else_stays() {
    for sql in [
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
