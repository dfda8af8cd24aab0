SELECT o.oid, n.nspname AS namespace, 'operator' AS kind,
    pg_catalog.format('%s(%s, %s)', o.oprname,
        CASE o.oprleft WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END,
        pg_catalog.format_type(o.oprright, NULL)
    ) AS name,
    pg_catalog.pg_get_userbyid(o.oprowner) AS owner,
    -- Made by another one that names it as commutator or negator.
    CASE WHEN o.oprcode = 0 THEN 'true' END AS "shell:json",
    CASE WHEN o.oprcode <> 0 THEN
        o.oprcode::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text
    END AS function,
    CASE WHEN o.oprcom <> 0 THEN
        o.oprcom::pg_catalog.regoperator::pg_catalog.text
    END AS commutator,
    CASE WHEN o.oprnegate <> 0 THEN
        o.oprnegate::pg_catalog.regoperator::pg_catalog.text
    END AS negator,
    CASE WHEN o.oprrest <> 0 THEN
        o.oprrest::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text
    END AS restrict,
    CASE WHEN o.oprjoin <> 0 THEN
        o.oprjoin::pg_catalog.oid::pg_catalog.regprocedure::pg_catalog.text
    END AS join,
    CASE WHEN o.oprcanhash THEN 'true' END AS "hashes:json",
    CASE WHEN o.oprcanmerge THEN 'true' END AS "merges:json",
    $comment(o.oid) AS comment
FROM pg_catalog.pg_operator AS o
JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
WHERE $only(o.oid) AND $owned(o.oid) AND $namespace(n.nspname)
