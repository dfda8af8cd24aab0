-- What pg_depend ties to the family itself, as pg_dump tells them apart.
SELECT c.oid, 'operators' AS part,
    pg_catalog.format('%s (%s, %s)', a.amopstrategy,
        pg_catalog.format_type(a.amoplefttype, NULL), pg_catalog.format_type(a.amoprighttype, NULL)
    ) AS key,
    a.amopopr::pg_catalog.regoperator::pg_catalog.text AS operator,
    CASE WHEN a.amoppurpose = 'o' THEN
        pg_catalog.quote_ident(o.nspname) || '.' || pg_catalog.quote_ident(s.opfname)
    END AS for_order_by
FROM pg_catalog.pg_opfamily AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.opfnamespace
JOIN pg_catalog.pg_depend AS d ON d.refobjid = c.oid
    AND d.refclassid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass
    AND d.classid = 'pg_catalog.pg_amop'::pg_catalog.regclass
JOIN pg_catalog.pg_amop AS a ON a.oid = d.objid
LEFT JOIN pg_catalog.pg_opfamily AS s ON s.oid = a.amopsortfamily
LEFT JOIN pg_catalog.pg_namespace AS o ON o.oid = s.opfnamespace
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
    -- The family that it sorts by hangs on pg_depend too.
    AND a.amopfamily = c.oid
