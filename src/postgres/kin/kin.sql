-- Tables that are named, and all that a statement about them may lock or read.
WITH RECURSIVE named (place, namespace, name, anywhere, validated) AS (VALUES :named),
start AS (
    SELECT n.place, c.oid, n.validated
      FROM named n
      JOIN pg_catalog.pg_class c ON c.relname = n.name
      JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
     WHERE CASE WHEN n.namespace IS NOT NULL THEN s.nspname = n.namespace
                ELSE n.anywhere OR pg_catalog.pg_table_is_visible(c.oid) END
),
kin (place, oid) AS (
    SELECT place, oid FROM start
     UNION
    SELECT s.place, k.confrelid
      FROM start s
      JOIN pg_catalog.pg_constraint k ON k.conrelid = s.oid AND k.conname = s.validated AND k.confrelid <> 0
     UNION
    SELECT k.place, next.oid
      FROM kin k
     CROSS JOIN LATERAL (
        SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = k.oid
         UNION ALL
        SELECT h.inhrelid FROM pg_catalog.pg_inherits h WHERE h.inhparent = k.oid
         UNION ALL
        SELECT t.oid
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_class t ON t.reltoastrelid = c.oid
         WHERE c.oid = k.oid AND c.relkind = 't'
         UNION ALL
        -- What a view or materialized view reads.
        SELECT d.refobjid
          FROM pg_catalog.pg_rewrite r
          JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
         WHERE r.ev_class = k.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refobjid <> k.oid) next (oid)
)
SELECT DISTINCT place, oid FROM kin ORDER BY 1, 2
