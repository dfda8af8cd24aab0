-- By provider.
SELECT l.objoid AS oid, CASE WHEN l.objsubid <> 0 THEN 'columns' END AS part, a.attname AS key,
    pg_catalog.json_object_agg(l.provider, l.label) AS "security_labels:json"
FROM pg_catalog.pg_seclabel AS l
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
    AND l.objsubid <> 0
WHERE $only(l.objoid) AND l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
GROUP BY l.objoid, l.objsubid, a.attname
