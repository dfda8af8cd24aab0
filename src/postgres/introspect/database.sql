-- Called `current`, as databases with the same schema have many names.
SELECT d.oid, NULL AS namespace, 'database' AS kind, 'current' AS name,
    pg_catalog.pg_get_userbyid(d.datdba) AS owner,
    CASE WHEN d.datconnlimit <> -1 THEN d.datconnlimit::pg_catalog.text END AS "connection_limit:json",
    CASE WHEN d.datistemplate THEN 'true' END AS "is_template:json",
    CASE WHEN NOT d.datallowconn THEN 'false' END AS "allow_connections:json",
    $settings(d.oid, 0) AS "settings:json",
    -- ALTER ROLE ALL, for all databases.
    $settings(0, 0) AS "cluster_settings:json",
    -- What initdb says of database postgres is no migration's doing.
    NULLIF($shared_comment(d.oid), 'default administrative connection database') AS comment,
    $shared_labels(d.oid) AS "security_labels:json",
    $acl(d.datacl, d.datdba, 'd') AS ":acl"
FROM pg_catalog.pg_database AS d
WHERE $only(d.oid) AND d.datname = pg_catalog.current_database()
