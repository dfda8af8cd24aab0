SELECT t.tgrelid AS oid, 'triggers' AS part, t.tgname AS key,
    pg_catalog.pg_get_triggerdef(t.oid) AS "definition:sql",
    CASE t.tgenabled
        WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always'
    END AS enabled,
    parent.tgname AS parent
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_trigger AS parent ON parent.oid = t.tgparentid
LEFT JOIN pg_catalog.pg_constraint AS con ON con.oid = t.tgconstraint
WHERE $only(t.tgrelid) AND $namespace(n.nspname)
    -- On 14, a partition's copy of its parent's trigger counts as internal.
    AND (NOT t.tgisinternal OR t.tgparentid <> 0 AND coalesce(con.contype, 't') = 't')
