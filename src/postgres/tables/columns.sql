WITH RECURSIVE wanted(oid) AS (
    SELECT :relation::pg_catalog.oid
    UNION
    SELECT f.confrelid
      FROM wanted
      JOIN pg_catalog.pg_constraint f ON f.conrelid = wanted.oid AND f.contype = 'f'
)
SELECT wanted.oid,
       wanted.oid::pg_catalog.regclass::pg_catalog.text,
       a.attnum,
       a.attname,
       a.attnotnull,
       CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN 'always'
            WHEN a.atthasdef OR a.attidentity = 'd' THEN 'expression'
            ELSE 'none' END,
       a.atttypid,
       a.atttypmod
  FROM wanted
  JOIN pg_catalog.pg_class c ON c.oid = wanted.oid AND c.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_attribute a
    ON a.attrelid = wanted.oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY wanted.oid <> :relation::pg_catalog.oid, wanted.oid, a.attnum
