SELECT t.oid, n.nspname AS namespace,
    CASE t.typtype
        WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite-type'
        WHEN 'r' THEN 'range' ELSE 'base-type'
    END AS kind,
    t.typname AS name,
    pg_catalog.pg_get_userbyid(t.typowner) AS owner,
    -- Enums.
    CASE WHEN t.typtype = 'e' THEN (
        SELECT pg_catalog.jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid
    ) END AS "labels:json",
    -- Domains.
    CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END AS type,
    CASE WHEN t.typtype = 'd' AND t.typcollation <> base.typcollation THEN
        t.typcollation::pg_catalog.regcollation::pg_catalog.text
    WHEN t.typtype = 'r' AND r.rngcollation <> subtype.typcollation THEN
        r.rngcollation::pg_catalog.regcollation::pg_catalog.text
    END AS collation,
    CASE WHEN t.typnotnull THEN 'true' END AS "not_null:json",
    CASE WHEN t.typtype = 'd' THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0)
    END AS "default:sql",
    -- Ranges, in the words of CREATE TYPE.
    pg_catalog.format_type(r.rngsubtype, NULL) AS subtype,
    CASE WHEN t.typtype = 'r' THEN (
        SELECT pg_catalog.quote_ident(o.nspname) || '.' || pg_catalog.quote_ident(c.opcname)
        FROM pg_catalog.pg_opclass AS c
        JOIN pg_catalog.pg_namespace AS o ON o.oid = c.opcnamespace
        WHERE c.oid = r.rngsubopc
    ) END AS subtype_opclass,
    CASE WHEN r.rngcanonical <> 0 THEN
        r.rngcanonical::pg_catalog.regprocedure::pg_catalog.text
    END AS canonical,
    CASE WHEN r.rngsubdiff <> 0 THEN
        r.rngsubdiff::pg_catalog.regprocedure::pg_catalog.text
    END AS subtype_diff,
    pg_catalog.format_type(r.rngmultitypid, NULL) AS multirange_type_name,
    CASE WHEN t.typtype = 'r' THEN (
        SELECT d.description FROM pg_catalog.pg_description AS d
        WHERE d.objoid = r.rngmultitypid AND d.objsubid = 0
            AND d.classoid = 'pg_catalog.pg_type'::pg_catalog.regclass
    ) END AS multirange_comment,
    -- Base types, in the words of CREATE TYPE.
    CASE WHEN NOT t.typisdefined THEN 'true' END AS "shell:json",
    CASE WHEN base_type THEN t.typinput::pg_catalog.regprocedure::pg_catalog.text END AS input,
    CASE WHEN base_type THEN t.typoutput::pg_catalog.regprocedure::pg_catalog.text END AS output,
    CASE WHEN base_type AND t.typreceive <> 0 THEN
        t.typreceive::pg_catalog.regprocedure::pg_catalog.text
    END AS receive,
    CASE WHEN base_type AND t.typsend <> 0 THEN
        t.typsend::pg_catalog.regprocedure::pg_catalog.text
    END AS send,
    CASE WHEN base_type AND t.typmodin <> 0 THEN
        t.typmodin::pg_catalog.regprocedure::pg_catalog.text
    END AS typmod_in,
    CASE WHEN base_type AND t.typmodout <> 0 THEN
        t.typmodout::pg_catalog.regprocedure::pg_catalog.text
    END AS typmod_out,
    CASE WHEN base_type AND t.typanalyze <> 0 THEN
        t.typanalyze::pg_catalog.regprocedure::pg_catalog.text
    END AS analyze,
    CASE WHEN base_type AND t.typsubscript <> 0 THEN
        t.typsubscript::pg_catalog.regprocedure::pg_catalog.text
    END AS subscript,
    CASE WHEN base_type AND t.typlen <> -1 THEN t.typlen::pg_catalog.text END AS "internallength:json",
    CASE WHEN base_type AND t.typbyval THEN 'true' END AS "passedbyvalue:json",
    CASE WHEN base_type THEN
        CASE t.typalign WHEN 'c' THEN 'char' WHEN 's' THEN 'int2' WHEN 'd' THEN 'double' END
    END AS alignment,
    CASE WHEN base_type THEN
        CASE t.typstorage WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' WHEN 'x' THEN 'extended' END
    END AS storage,
    CASE WHEN base_type AND t.typcategory <> 'U' THEN t.typcategory END AS category,
    CASE WHEN base_type AND t.typispreferred THEN 'true' END AS "preferred:json",
    CASE WHEN base_type THEN t.typdefault END AS default,
    CASE WHEN base_type AND t.typelem <> 0 THEN
        pg_catalog.format_type(t.typelem, NULL)
    END AS element,
    CASE WHEN base_type AND t.typdelim <> ',' THEN t.typdelim END AS delimiter,
    CASE WHEN base_type AND t.typcollation <> 0 THEN 'true' END AS "collatable:json",
    $comment(t.oid) AS comment,
    $labels(t.oid) AS "security_labels:json",
    $acl(t.typacl, t.typowner, 'T') AS ":acl"
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
CROSS JOIN LATERAL (SELECT t.typtype = 'b') AS form (base_type)
LEFT JOIN pg_catalog.pg_type AS base ON base.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_type AS subtype ON subtype.oid = r.rngsubtype
WHERE $only(t.oid) AND $owned(t.oid) AND $namespace(n.nspname)
    -- Multiranges are in their ranges.
    AND t.typtype <> 'm'
    -- The row types of relations.
    AND (t.typrelid = 0 OR EXISTS (
        SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = t.typrelid AND c.relkind = 'c'
    ))
    -- Arrays come and go with their elements' types.
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid
    )
