-- Without a namespace they take the place of what is built in, with one they
-- come on top.
SELECT a.oid, n.nspname AS namespace, 'default-privileges' AS kind,
    pg_catalog.format('%s ON %s', pg_catalog.pg_get_userbyid(a.defaclrole), CASE a.defaclobjtype
        WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
        WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS'
    END) AS name,
    pg_catalog.json_build_array(
        a.defaclacl,
        CASE a.defaclnamespace WHEN 0 THEN
            pg_catalog.acldefault(
                CASE a.defaclobjtype WHEN 'S' THEN 's' ELSE a.defaclobjtype END, a.defaclrole
            )
        ELSE '{}' END,
        pg_catalog.pg_get_userbyid(a.defaclrole)
    ) AS ":acl"
FROM pg_catalog.pg_default_acl AS a
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = a.defaclnamespace
WHERE $only(a.oid) AND $owned(a.oid) AND (n.nspname IS NULL OR $namespace(n.nspname))
