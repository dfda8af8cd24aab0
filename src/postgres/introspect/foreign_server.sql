SELECT s.oid, NULL AS namespace, 'foreign-server' AS kind, s.srvname AS name,
    pg_catalog.pg_get_userbyid(s.srvowner) AS owner,
    w.fdwname AS foreign_data_wrapper, s.srvtype AS type, s.srvversion AS version,
    $options(s.srvoptions) AS "options:options",
    $comment(s.oid) AS comment,
    $acl(s.srvacl, s.srvowner, 'S') AS ":acl"
FROM pg_catalog.pg_foreign_server AS s
JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
WHERE $only(s.oid) AND $owned(s.oid)
