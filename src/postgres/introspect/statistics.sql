SELECT s.oid, n.nspname AS namespace, 'statistics' AS kind, s.stxname AS name,
    pg_catalog.pg_get_userbyid(s.stxowner) AS owner,
    pg_catalog.pg_get_statisticsobjdef(s.oid) AS "definition:sql",
    -- Until 16, -1 is the default.
    CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END AS "statistics:json"
FROM pg_catalog.pg_statistic_ext AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
WHERE $only(s.oid) AND $owned(s.oid) AND $namespace(n.nspname)
