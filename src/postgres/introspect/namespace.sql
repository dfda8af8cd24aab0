SELECT n.oid, NULL AS namespace, 'namespace' AS kind, n.nspname AS name,
    pg_catalog.pg_get_userbyid(n.nspowner) AS owner,
    $comment(n.oid) AS comment,
    $labels(n.oid) AS "security_labels:json",
    $acl(n.nspacl, n.nspowner, 'n') AS ":acl"
FROM pg_catalog.pg_namespace AS n
WHERE $only(n.oid) AND $owned(n.oid) AND $namespace(n.nspname)
