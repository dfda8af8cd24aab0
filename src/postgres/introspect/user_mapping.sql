-- That it is there, never its options.
SELECT m.umid AS oid, NULL AS namespace, 'user-mapping' AS kind,
    pg_catalog.format('%s ON %s',
        CASE m.umuser WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(m.umuser) END, m.srvname
    ) AS name
FROM pg_catalog.pg_user_mappings AS m
WHERE $only(m.umid) AND $owned(m.umid)
