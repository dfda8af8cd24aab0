WITH wanted AS (
    SELECT pg_catalog.unnest(:relations::pg_catalog.oid[]) AS oid
)
SELECT wanted.oid, 'unique', '', pg_catalog.to_json(i.indkey::pg_catalog.int2[]), '', NULL, NULL
  FROM wanted
  JOIN pg_catalog.pg_index i ON i.indrelid = wanted.oid AND i.indisunique
UNION ALL
SELECT wanted.oid,
       CASE k.contype WHEN 'c' THEN 'check' ELSE 'foreign' END,
       k.conname,
       pg_catalog.to_json(k.conkey),
       CASE k.contype WHEN 'c' THEN pg_catalog.pg_get_constraintdef(k.oid) ELSE '' END,
       NULLIF(k.confrelid, 0),
       (SELECT pg_catalog.json_agg(a.attname ORDER BY ref.ordinality)
          FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS ref(attnum, ordinality)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ref.attnum)
  FROM wanted
  JOIN pg_catalog.pg_constraint k ON k.conrelid = wanted.oid AND k.contype IN ('c', 'f')
UNION ALL
SELECT wanted.oid,
       'partition',
       leaf.relid::pg_catalog.regclass::pg_catalog.text,
       (SELECT pg_catalog.to_json(pg_catalog.array_agg(DISTINCT own.attnum))
          FROM pg_catalog.pg_partition_tree(wanted.oid) AS part
          JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = part.relid
         CROSS JOIN LATERAL pg_catalog.unnest(p.partattrs::pg_catalog.int2[]) AS key(attnum)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = part.relid AND a.attnum = key.attnum
          JOIN pg_catalog.pg_attribute own ON own.attrelid = wanted.oid AND own.attname = a.attname
         WHERE a.attnum > 0),
       pg_catalog.pg_get_partition_constraintdef(leaf.relid),
       NULL,
       NULL
  FROM wanted
  JOIN pg_catalog.pg_class c ON c.oid = wanted.oid AND c.relkind = 'p'
 CROSS JOIN LATERAL pg_catalog.pg_partition_tree(wanted.oid) AS leaf
 WHERE leaf.isleaf AND leaf.relid <> wanted.oid
 ORDER BY 1, 2, 3
