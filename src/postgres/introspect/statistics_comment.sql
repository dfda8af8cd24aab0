SELECT d.objoid AS oid, NULL AS part, NULL AS key, d.description AS comment
FROM pg_catalog.pg_description AS d
WHERE $only(d.objoid) AND d.classoid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass
