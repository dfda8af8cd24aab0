-- Each table of the user's whose rows a snapshot may hold, a partitioned one
-- for all of its partitions. What belongs to an extension, the extension makes.
WITH RECURSIVE tables AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relhassubclass
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p')
       AND NOT c.relispartition
       AND c.relpersistence <> 't'
       -- A standby has no rows of these.
       AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
       AND n.nspname NOT IN ('information_schema', 'segue')
       AND n.nspname !~ '^pg_'
       AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
              AND d.objid = c.oid AND d.deptype = 'e'
       )
),
-- The primary key, else the first unique index by name whose columns are all
-- there in every row.
keys AS (
    SELECT DISTINCT ON (i.indrelid) i.indrelid,
           (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1] AS attnums
      FROM tables AS t
      JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid
      JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
     WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
       AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND NOT a.attnotnull
              AND a.attnum = ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1])
       )
     ORDER BY i.indrelid, NOT i.indisprimary, ic.relname COLLATE "C"
),
-- Those that a table inherits from, and how far they are.
ancestors(child, parent, distance, place) AS (
    SELECT i.inhrelid, i.inhparent, 1, i.inhseqno
      FROM tables AS t
      JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = t.oid
    UNION
    SELECT a.child, i.inhparent, a.distance + 1, i.inhseqno
      FROM ancestors AS a
      JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = a.parent
)
SELECT t.oid,
       t.nspname,
       t.relname,
       pg_catalog.format('%I.%I', t.nspname, t.relname),
       pg_catalog.format(
           '%s%I.%I',
           CASE WHEN t.relkind = 'r' AND t.relhassubclass THEN 'ONLY ' ELSE '' END,
           t.nspname, t.relname
       ),
       (SELECT pg_catalog.json_agg(pg_catalog.quote_ident(a.attname) ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
       (SELECT pg_catalog.json_agg(pg_catalog.quote_ident(a.attname) ORDER BY k.place)
          FROM pg_catalog.unnest(key.attnums) WITH ORDINALITY AS k(attnum, place)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum),
       (SELECT pg_catalog.json_agg(a.attcollation <> 0 ORDER BY k.place)
          FROM pg_catalog.unnest(key.attnums) WITH ORDINALITY AS k(attnum, place)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum),
       (SELECT pg_catalog.json_agg(
                   pg_catalog.json_build_array(
                       n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname)
                   ) ORDER BY a.distance, a.place, c.oid
               )
          FROM ancestors AS a
          JOIN pg_catalog.pg_class AS c ON c.oid = a.parent
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE a.child = t.oid)
  FROM tables AS t
  LEFT JOIN keys AS key ON key.indrelid = t.oid
 ORDER BY t.nspname COLLATE "C", t.relname COLLATE "C"
