-- In the words of CREATE AGGREGATE.
SELECT a.aggfnoid::pg_catalog.oid AS oid, NULL AS part, NULL AS key,
    CASE WHEN a.aggkind = 'h' THEN 'true' END AS "hypothetical:json",
    CASE WHEN a.aggtransfn <> 0 THEN
        a.aggtransfn::pg_catalog.regprocedure::pg_catalog.text
    END AS sfunc,
    pg_catalog.format_type(a.aggtranstype, NULL) AS stype,
    CASE WHEN a.aggtransspace <> 0 THEN a.aggtransspace::pg_catalog.text END AS "sspace:json",
    a.agginitval AS initcond,
    CASE WHEN a.aggfinalfn <> 0 THEN
        a.aggfinalfn::pg_catalog.regprocedure::pg_catalog.text
    END AS finalfunc,
    CASE WHEN a.aggfinalextra THEN 'true' END AS "finalfunc_extra:json",
    -- Without a final function it says nothing, and pg_dump leaves it out.
    CASE
        WHEN a.aggfinalfn = 0 OR a.aggfinalmodify = CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END THEN NULL
        WHEN a.aggfinalmodify = 'r' THEN 'read_only'
        WHEN a.aggfinalmodify = 's' THEN 'shareable'
        WHEN a.aggfinalmodify = 'w' THEN 'read_write'
    END AS finalfunc_modify,
    CASE WHEN a.aggcombinefn <> 0 THEN
        a.aggcombinefn::pg_catalog.regprocedure::pg_catalog.text
    END AS combinefunc,
    CASE WHEN a.aggserialfn <> 0 THEN
        a.aggserialfn::pg_catalog.regprocedure::pg_catalog.text
    END AS serialfunc,
    CASE WHEN a.aggdeserialfn <> 0 THEN
        a.aggdeserialfn::pg_catalog.regprocedure::pg_catalog.text
    END AS deserialfunc,
    CASE WHEN a.aggmtransfn <> 0 THEN
        a.aggmtransfn::pg_catalog.regprocedure::pg_catalog.text
    END AS msfunc,
    CASE WHEN a.aggminvtransfn <> 0 THEN
        a.aggminvtransfn::pg_catalog.regprocedure::pg_catalog.text
    END AS minvfunc,
    CASE WHEN a.aggmtranstype <> 0 THEN pg_catalog.format_type(a.aggmtranstype, NULL) END AS mstype,
    CASE WHEN a.aggmtransspace <> 0 THEN a.aggmtransspace::pg_catalog.text END AS "msspace:json",
    a.aggminitval AS minitcond,
    CASE WHEN a.aggmfinalfn <> 0 THEN
        a.aggmfinalfn::pg_catalog.regprocedure::pg_catalog.text
    END AS mfinalfunc,
    CASE WHEN a.aggmfinalextra THEN 'true' END AS "mfinalfunc_extra:json",
    CASE
        WHEN a.aggmfinalfn = 0 OR a.aggmfinalmodify = CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END THEN NULL
        WHEN a.aggmfinalmodify = 'r' THEN 'read_only'
        WHEN a.aggmfinalmodify = 's' THEN 'shareable'
        WHEN a.aggmfinalmodify = 'w' THEN 'read_write'
    END AS mfinalfunc_modify,
    CASE WHEN a.aggsortop <> 0 THEN
        a.aggsortop::pg_catalog.regoperator::pg_catalog.text
    END AS sortop
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_aggregate AS a ON a.aggfnoid = p.oid
WHERE $only(p.oid) AND $owned(p.oid) AND $namespace(n.nspname) AND p.prokind = 'a'
