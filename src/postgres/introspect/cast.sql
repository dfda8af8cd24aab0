SELECT c.oid, NULL AS namespace, 'cast' AS kind,
    pg_catalog.format('%s AS %s',
        pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL)
    ) AS name,
    CASE WHEN c.castfunc <> 0 THEN
        c.castfunc::pg_catalog.regprocedure::pg_catalog.text
    END AS function,
    CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'inout' WHEN 'b' THEN 'binary' END AS method,
    CASE c.castcontext WHEN 'a' THEN 'assignment' WHEN 'i' THEN 'implicit' END AS context,
    $comment(c.oid) AS comment
FROM pg_catalog.pg_cast AS c
WHERE $only(c.oid) AND c.oid >= 16384 AND $owned(c.oid)
    -- Those of ranges to their multiranges.
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND d.objid = c.oid
            AND d.deptype = 'i'
    )
