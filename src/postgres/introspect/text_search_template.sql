SELECT t.oid, n.nspname AS namespace, 'text-search-template' AS kind, t.tmplname AS name,
    CASE WHEN t.tmplinit <> 0 THEN
        t.tmplinit::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text
    END AS init,
    t.tmpllexize::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS lexize,
    $comment(t.oid) AS comment
FROM pg_catalog.pg_ts_template AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.tmplnamespace
WHERE $only(t.oid) AND $owned(t.oid) AND $namespace(n.nspname)
