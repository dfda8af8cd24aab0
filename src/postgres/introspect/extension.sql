SELECT e.oid, NULL AS namespace, 'extension' AS kind, e.extname AS name,
    e.extversion AS version, n.nspname AS namespace,
    pg_catalog.pg_get_userbyid(e.extowner) AS owner,
    $comment(e.oid) AS comment
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE $only(e.oid)
