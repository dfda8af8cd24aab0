-- `DEPENDS ON EXTENSION`: what is dropped together with one, though no member.
SELECT d.objid AS oid, NULL AS part, NULL AS key,
    pg_catalog.json_agg(e.extname ORDER BY e.extname) AS "depends_on_extensions:json"
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
WHERE $only(d.objid) AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'x'
GROUP BY d.objid
