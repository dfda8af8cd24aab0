-- Where it stands is data.
SELECT s.seqrelid AS oid, NULL AS part, NULL AS key,
    pg_catalog.format_type(s.seqtypid, NULL) AS type,
    s.seqstart AS "start:json", s.seqincrement AS "increment:json",
    s.seqmin AS "minimum:json", s.seqmax AS "maximum:json",
    nullif(s.seqcache, 1) AS "cache:json",
    CASE WHEN s.seqcycle THEN 'true' END AS "cycle:json",
    a.attrelid::pg_catalog.regclass || '.' || pg_catalog.quote_ident(a.attname) AS owned_by,
    CASE d.deptype WHEN 'i' THEN 'true' END AS "identity:json"
FROM pg_catalog.pg_sequence AS s
LEFT JOIN pg_catalog.pg_depend AS d ON d.objid = s.seqrelid AND d.objsubid = 0
    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE $only(s.seqrelid)
