-- Predefined ones and the one that initdb made are left out.
SELECT r.oid, NULL AS namespace, 'role' AS kind, r.rolname AS name,
    CASE WHEN r.rolsuper THEN 'true' END AS "superuser:json",
    CASE WHEN NOT r.rolinherit THEN 'false' END AS "inherit:json",
    CASE WHEN r.rolcreaterole THEN 'true' END AS "createrole:json",
    CASE WHEN r.rolcreatedb THEN 'true' END AS "createdb:json",
    CASE WHEN r.rolcanlogin THEN 'true' END AS "login:json",
    CASE WHEN r.rolreplication THEN 'true' END AS "replication:json",
    CASE WHEN r.rolbypassrls THEN 'true' END AS "bypassrls:json",
    CASE WHEN r.rolconnlimit <> -1 THEN r.rolconnlimit::pg_catalog.text END AS "connection_limit:json",
    r.rolvaliduntil AS valid_until,
    $settings(0, r.oid) AS "settings:json",
    $shared_comment(r.oid) AS comment,
    $shared_labels(r.oid) AS "security_labels:json"
FROM pg_catalog.pg_roles AS r
WHERE $only(r.oid) AND r.oid >= 16384
