SELECT a.attrelid AS oid, 'columns' AS part, a.attname AS key,
    -- Counts dropped ones too, so that it becomes a rank later.
    a.attnum AS "position:json",
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    CASE WHEN a.attcollation <> t.typcollation THEN
        a.attcollation::pg_catalog.regcollation::pg_catalog.text
    END AS collation,
    CASE WHEN a.attnotnull THEN 'true' END AS "not_null:json",
    CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
    CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS "default:sql",
    CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END AS generated,
    CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS "expression:sql",
    CASE WHEN a.attstorage <> t.typstorage THEN
        CASE a.attstorage
            WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'x' THEN 'extended' WHEN 'm' THEN 'main'
        END
    END AS storage,
    CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
    -- Until 16, -1 is the default.
    CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END AS "statistics:json",
    pg_catalog.array_to_json(a.attoptions) AS "options:options",
    $options(a.attfdwoptions) AS "foreign_options:options",
    -- From how many parents, and whether it would stay without them.
    CASE WHEN a.attinhcount > 0 THEN a.attinhcount END AS "inherited:json",
    CASE WHEN a.attinhcount > 0 AND a.attislocal THEN 'true' END AS "local:json",
    $acl(a.attacl, c.relowner, 'c') AS ":acl"
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE $only(c.oid) AND $namespace(n.nspname)
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND a.attnum > 0 AND NOT a.attisdropped
