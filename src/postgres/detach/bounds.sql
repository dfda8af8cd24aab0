WITH RECURSIVE partition AS (
    SELECT c.oid, c.oid::pg_catalog.regclass AS name, pg_catalog.pg_get_partition_constraintdef(c.oid) AS bounds
      FROM pg_catalog.pg_class AS c
     WHERE c.oid = pg_catalog.to_regclass(:name) AND c.relispartition
), ancestor (oid) AS (
    SELECT oid FROM partition
    UNION ALL
    SELECT i.inhparent
      FROM ancestor AS a JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = a.oid
), key AS (
    -- Columns that the bounds are about; null for an expression. Constants of
    -- other types and collations are folded with their casts.
    SELECT a.attname,
           a.attcollation IN (0, 100) AND p.partcollation[k.place::integer - 1] IN (0, 100)
           AND a.atttypid IN ('smallint'::pg_catalog.regtype, 'integer'::pg_catalog.regtype,
                              'bigint'::pg_catalog.regtype, 'text'::pg_catalog.regtype,
                              'date'::pg_catalog.regtype, 'timestamp'::pg_catalog.regtype,
                              'timestamptz'::pg_catalog.regtype, 'uuid'::pg_catalog.regtype) AS is_plain
      FROM ancestor
      JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = ancestor.oid
      CROSS JOIN LATERAL pg_catalog.unnest(p.partattrs::pg_catalog.int2[]) WITH ORDINALITY AS k (number, place)
      LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = ancestor.oid AND a.attnum = k.number
     WHERE ancestor.oid <> (SELECT oid FROM partition)
), existing AS (
    -- Valid checks that may be about the same columns.
    SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid) AS expression
      FROM pg_catalog.pg_constraint AS c
     WHERE c.conrelid = (SELECT oid FROM partition)
       AND c.contype = 'c' AND c.convalidated
       AND (c.conkey IS NULL OR c.conkey = '{}'
            OR EXISTS (SELECT FROM key WHERE key.attname IS NULL)
            OR EXISTS (SELECT
                         FROM pg_catalog.unnest(c.conkey) AS k (number)
                         LEFT JOIN pg_catalog.pg_attribute AS a
                           ON a.attrelid = c.conrelid AND a.attnum = k.number
                        WHERE k.number <= 0 OR a.attname IN (SELECT attname FROM key)))
)
SELECT name, bounds,
       CASE
           WHEN bounds IN (SELECT expression FROM existing) THEN 'same'
           WHEN EXISTS (SELECT FROM existing) THEN 'unknown'
           -- Nothing but NOT NULL, which the columns may have.
           WHEN bounds !~ '=|<|>|IS NULL' THEN 'unknown'
           -- A concurrent detach folds constants: a list of several values
           -- becomes one array, `b = true` becomes `b`, and in expressions
           -- anything. Hash bounds it leaves behind in some minor versions.
           WHEN bounds ~ 'ANY \(|satisfies_hash_partition| (true|false)\)' THEN 'unknown'
           WHEN EXISTS (SELECT FROM key WHERE attname IS NULL OR NOT is_plain) THEN 'unknown'
           ELSE 'new'
       END
  FROM partition
