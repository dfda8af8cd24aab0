SELECT c.oid, n.nspname AS namespace, 'conversion' AS kind, c.conname AS name,
    pg_catalog.pg_get_userbyid(c.conowner) AS owner,
    pg_catalog.pg_encoding_to_char(c.conforencoding) AS for,
    pg_catalog.pg_encoding_to_char(c.contoencoding) AS to,
    c.conproc::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS function,
    CASE WHEN c.condefault THEN 'true' END AS "default:json",
    $comment(c.oid) AS comment
FROM pg_catalog.pg_conversion AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.connamespace
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
