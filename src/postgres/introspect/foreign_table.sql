SELECT f.ftrelid AS oid, NULL AS part, NULL AS key, s.srvname AS server,
    $options(f.ftoptions) AS "options:options"
FROM pg_catalog.pg_foreign_table AS f
JOIN pg_catalog.pg_foreign_server AS s ON s.oid = f.ftserver
WHERE $only(f.ftrelid)
