SELECT f.oid, n.nspname AS namespace, 'operator-family' AS kind,
    m.amname || ' ' || f.opfname AS name,
    pg_catalog.pg_get_userbyid(f.opfowner) AS owner,
    $comment(f.oid) AS comment
FROM pg_catalog.pg_opfamily AS f
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.opfnamespace
JOIN pg_catalog.pg_am AS m ON m.oid = f.opfmethod
WHERE $only(f.oid) AND $owned(f.oid) AND $namespace(n.nspname)
