WITH RECURSIVE tree (oid, parent, path) AS (
    SELECT :table::pg_catalog.oid, NULL::pg_catalog.oid, '{}'::pg_catalog.oid[]
     UNION ALL
    -- pg_partition_tree() would lock each partition, and wait for whoever has it.
    SELECT h.inhrelid, h.inhparent, t.path || h.inhrelid
      FROM tree t
      JOIN pg_catalog.pg_inherits h ON h.inhparent = t.oid
     WHERE NOT h.inhdetachpending
)
SELECT c.oid, t.parent, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relname, c.relnamespace, c.relkind
  FROM tree t
  JOIN pg_catalog.pg_class c ON c.oid = t.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 ORDER BY t.path
