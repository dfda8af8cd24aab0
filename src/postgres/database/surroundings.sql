-- Which server, which role, what it may do, what is set for it there.
WITH RECURSIVE roles (oid) AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER
    UNION
    SELECT m.roleid FROM roles JOIN pg_catalog.pg_auth_members AS m ON m.member = roles.oid
)
SELECT pg_catalog.concat_ws(
           E'\n',
           (SELECT system_identifier FROM pg_catalog.pg_control_system()),
           pg_catalog.current_database(),
           SESSION_USER,
           (SELECT pg_catalog.string_agg(r::pg_catalog.text, E'\n' ORDER BY r.rolname COLLATE "C")
              FROM pg_catalog.pg_roles AS r WHERE r.oid IN (SELECT oid FROM roles)),
           (SELECT pg_catalog.string_agg(
                       pg_catalog.concat_ws(' ', name, setting, source), E'\n'
                       ORDER BY name COLLATE "C"
                   )
              FROM pg_catalog.pg_settings
             WHERE source NOT IN ('default', 'override') AND name <> 'application_name')
       )
