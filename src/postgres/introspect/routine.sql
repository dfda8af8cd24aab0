SELECT p.oid, n.nspname AS namespace,
    CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
    p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS name,
    pg_catalog.pg_get_userbyid(p.proowner) AS owner,
    NULLIF(pg_catalog.pg_get_function_arguments(p.oid), '') AS "arguments:sql",
    pg_catalog.pg_get_function_result(p.oid) AS returns,
    CASE WHEN p.prokind <> 'a' THEN l.lanname END AS language,
    CASE WHEN p.prokind = 'w' THEN 'true' END AS "window:json",
    CASE WHEN p.prokind <> 'a' THEN
        CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' END
    END AS volatility,
    CASE WHEN p.proisstrict AND p.prokind <> 'a' THEN 'true' END AS "strict:json",
    CASE WHEN p.prosecdef THEN 'true' END AS "security_definer:json",
    CASE WHEN p.proleakproof THEN 'true' END AS "leakproof:json",
    CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' END AS parallel,
    CASE WHEN p.prokind <> 'a'
        AND p.procost <> CASE WHEN l.lanname IN ('internal', 'c') THEN 1 ELSE 100 END
    THEN p.procost::pg_catalog.text END AS "cost:json",
    CASE WHEN p.proretset AND p.prorows <> 1000 THEN p.prorows::pg_catalog.text END AS "rows:json",
    CASE WHEN p.prosupport <> 0 THEN
        p.prosupport::pg_catalog.regprocedure::pg_catalog.text
    END AS support,
    CASE WHEN p.proconfig IS NOT NULL THEN (
        SELECT pg_catalog.jsonb_object_agg(
            pg_catalog.split_part(setting, '=', 1),
            pg_catalog.substr(setting, pg_catalog.strpos(setting, '=') + 1)
        )
        FROM pg_catalog.unnest(p.proconfig) AS settings (setting)
    ) END AS "settings:json",
    CASE WHEN p.protrftypes IS NOT NULL THEN (
        SELECT pg_catalog.jsonb_agg(pg_catalog.format_type(transformed, NULL) ORDER BY place)
        FROM pg_catalog.unnest(p.protrftypes) WITH ORDINALITY AS types (transformed, place)
    ) END AS "transforms:json",
    CASE WHEN p.prokind <> 'a' AND p.prosqlbody IS NULL AND l.lanname NOT IN ('internal', 'c')
    THEN p.prosrc END AS body,
    pg_catalog.pg_get_function_sqlbody(p.oid) AS "sql_body:sql",
    CASE WHEN l.lanname = 'c' THEN p.probin END AS library,
    CASE WHEN p.prokind <> 'a' AND l.lanname IN ('internal', 'c') THEN p.prosrc END AS symbol,
    $comment(p.oid) AS comment,
    $labels(p.oid) AS "security_labels:json",
    $acl(p.proacl, p.proowner, 'f') AS ":acl"
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE $only(p.oid) AND $owned(p.oid) AND $namespace(n.nspname)
    -- Constructors of ranges come and go with their type.
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
            AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'i'
    )
