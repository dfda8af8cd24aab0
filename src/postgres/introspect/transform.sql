SELECT t.oid, NULL AS namespace, 'transform' AS kind,
    pg_catalog.format('FOR %s LANGUAGE %s', pg_catalog.format_type(t.trftype, NULL), l.lanname) AS name,
    CASE WHEN t.trffromsql <> 0 THEN
        t.trffromsql::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text
    END AS from_sql,
    CASE WHEN t.trftosql <> 0 THEN
        t.trftosql::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text
    END AS to_sql,
    $comment(t.oid) AS comment
FROM pg_catalog.pg_transform AS t
JOIN pg_catalog.pg_language AS l ON l.oid = t.trflang
WHERE $only(t.oid) AND $owned(t.oid)
