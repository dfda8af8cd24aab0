SELECT d.oid, n.nspname AS namespace, 'text-search-dictionary' AS kind, d.dictname AS name,
    pg_catalog.pg_get_userbyid(d.dictowner) AS owner,
    pg_catalog.quote_ident(o.nspname) || '.' || pg_catalog.quote_ident(t.tmplname) AS template,
    d.dictinitoption AS options,
    $comment(d.oid) AS comment
FROM pg_catalog.pg_ts_dict AS d
JOIN pg_catalog.pg_namespace AS n ON n.oid = d.dictnamespace
JOIN pg_catalog.pg_ts_template AS t ON t.oid = d.dicttemplate
JOIN pg_catalog.pg_namespace AS o ON o.oid = t.tmplnamespace
WHERE $only(d.oid) AND $owned(d.oid) AND $namespace(n.nspname)
