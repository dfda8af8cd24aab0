-- Whether a materialized view is populated is not here: that is data, and a dump
-- without data restores it unpopulated.
SELECT c.oid, n.nspname AS namespace,
    CASE c.relkind
        WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized-view' WHEN 'f' THEN 'foreign-table' WHEN 'S' THEN 'sequence'
    END AS kind,
    c.relname AS name,
    pg_catalog.pg_get_userbyid(c.relowner) AS owner,
    $acl(c.relacl, c.relowner, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END) AS ":acl",
    CASE c.relpersistence WHEN 'u' THEN 'unlogged' END AS persistence,
    -- What is no heap. A partitioned table has one only if it was given one.
    CASE WHEN c.relkind = 'p' OR am.amname <> 'heap' THEN am.amname END AS access_method,
    spc.spcname AS tablespace,
    CASE WHEN c.reloptions IS NOT NULL OR toast.reloptions IS NOT NULL THEN
        pg_catalog.array_to_json(c.reloptions || ARRAY(
            SELECT 'toast.' || one FROM pg_catalog.unnest(toast.reloptions) AS one
        ))
    END AS "options:options",
    CASE WHEN c.relrowsecurity THEN 'true' END AS "row_security:json",
    CASE WHEN c.relforcerowsecurity THEN 'true' END AS "force_row_security:json",
    -- Which index it is, the index says.
    CASE c.relreplident
        WHEN 'n' THEN CASE WHEN c.relkind IN ('r', 'p') THEN 'nothing' END
        WHEN 'f' THEN 'full' WHEN 'i' THEN 'index'
    END AS replica_identity,
    CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END AS of,
    CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS "partition_by:sql",
    CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END AS "bound:sql",
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END AS "definition:sql"
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_tablespace AS spc ON spc.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_class AS toast ON toast.oid = c.reltoastrelid
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
