-- The order of the parents is the order of the columns.
SELECT c.oid, NULL AS part, NULL AS key,
    CASE WHEN c.relispartition
        THEN pg_catalog.min(i.inhparent::pg_catalog.regclass::pg_catalog.text)
    END AS partition_of,
    CASE WHEN pg_catalog.bool_or(i.inhdetachpending) THEN 'true' END AS "detach_pending:json",
    CASE WHEN NOT c.relispartition THEN
        pg_catalog.json_agg(i.inhparent::pg_catalog.regclass::pg_catalog.text ORDER BY i.inhseqno)
    END AS "inherits:json"
FROM pg_catalog.pg_inherits AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE $only(c.oid) AND $namespace(n.nspname) AND c.relkind IN ('r', 'p', 'f')
GROUP BY c.oid, c.relispartition
