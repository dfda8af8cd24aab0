-- ALTER ROLE … IN DATABASE.
SELECT d.oid, 'role_settings' AS part, pg_catalog.pg_get_userbyid(s.setrole) AS key,
    $settings(d.oid, s.setrole) AS "settings:json"
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_db_role_setting AS s ON s.setdatabase = d.oid
WHERE $only(d.oid) AND d.datname = pg_catalog.current_database() AND s.setrole <> 0
