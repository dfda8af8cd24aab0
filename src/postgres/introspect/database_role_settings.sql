SELECT d.oid, 'role_settings' AS part, r.rolname AS key, $settings(d.oid, r.oid) AS "settings:json"
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_db_role_setting AS s ON s.setdatabase = d.oid
JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
WHERE $only(d.oid) AND d.datname = pg_catalog.current_database()
