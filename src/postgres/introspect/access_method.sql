SELECT a.oid, NULL AS namespace, 'access-method' AS kind, a.amname AS name,
    CASE a.amtype WHEN 't' THEN 'table' WHEN 'i' THEN 'index' END AS type,
    a.amhandler::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS handler,
    $comment(a.oid) AS comment
FROM pg_catalog.pg_am AS a
WHERE $only(a.oid) AND a.oid >= 16384 AND $owned(a.oid)
