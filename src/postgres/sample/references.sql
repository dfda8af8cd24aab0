-- Each foreign key, but for the copies that partitions have of it: the table
-- that refers, the relations that have it, the table referred to, that table as
-- FROM has it, and which rows belong together.
SELECT coalesce(pg_catalog.pg_partition_root(k.conrelid)::pg_catalog.oid, k.conrelid),
       (SELECT pg_catalog.json_agg(relation.oid::pg_catalog.int8)
          FROM (SELECT k.conrelid AS oid
                UNION
                SELECT p.relid FROM pg_catalog.pg_partition_tree(k.conrelid) AS p) AS relation),
       coalesce(pg_catalog.pg_partition_root(k.confrelid)::pg_catalog.oid, k.confrelid),
       pg_catalog.format(
           '%s%I.%I', CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, n.nspname, c.relname
       ),
       -- The operator of the key itself: `=` may be another one by the search
       -- path. Of a period all are wanted that may be a part of it.
       (SELECT pg_catalog.string_agg(
                   pg_catalog.format(
                       'r.%I OPERATOR(%I.%s) f.%I',
                       there.attname,
                       CASE WHEN is_period THEN 'pg_catalog' ELSE on_.nspname END,
                       CASE WHEN is_period THEN '&&' ELSE o.oprname END,
                       here.attname
                   ), ' AND ' ORDER BY pair.place)
          FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey),
                          pg_catalog.unnest(k.conpfeqop))
               WITH ORDINALITY AS pair(here, there, operator, place)
          JOIN pg_catalog.pg_attribute AS here
            ON here.attrelid = k.conrelid AND here.attnum = pair.here
          JOIN pg_catalog.pg_attribute AS there
            ON there.attrelid = k.confrelid AND there.attnum = pair.there
          JOIN pg_catalog.pg_operator AS o ON o.oid = pair.operator
          JOIN pg_catalog.pg_namespace AS on_ ON on_.oid = o.oprnamespace
         CROSS JOIN LATERAL (
             SELECT pg_catalog.to_jsonb(k) ->> 'conperiod' = 'true'
                    AND pair.place = pg_catalog.cardinality(k.conkey)
         ) AS period(is_period))
  FROM pg_catalog.pg_constraint AS k
  JOIN pg_catalog.pg_class AS c ON c.oid = k.confrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE k.contype = 'f' AND k.conparentid = 0
 ORDER BY k.conname COLLATE "C", k.oid
