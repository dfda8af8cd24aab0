SELECT p.oid, n.nspname AS namespace, 'text-search-parser' AS kind, p.prsname AS name,
    p.prsstart::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS start,
    p.prstoken::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS gettoken,
    p.prsend::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS "end",
    p.prslextype::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS lextypes,
    CASE WHEN p.prsheadline <> 0 THEN
        p.prsheadline::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text
    END AS headline,
    $comment(p.oid) AS comment
FROM pg_catalog.pg_ts_parser AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.prsnamespace
WHERE $only(p.oid) AND $owned(p.oid) AND $namespace(n.nspname)
