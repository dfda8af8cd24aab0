SELECT c.oid, 'functions' AS part,
    pg_catalog.format('%s (%s, %s)', a.amprocnum,
        pg_catalog.format_type(a.amproclefttype, NULL), pg_catalog.format_type(a.amprocrighttype, NULL)
    ) AS key,
    a.amproc::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text AS function
FROM pg_catalog.pg_opfamily AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.opfnamespace
JOIN pg_catalog.pg_depend AS d ON d.refobjid = c.oid
    AND d.refclassid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass
    AND d.classid = 'pg_catalog.pg_amproc'::pg_catalog.regclass
JOIN pg_catalog.pg_amproc AS a ON a.oid = d.objid
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
