WITH RECURSIVE reachable(oid) AS (
    SELECT pg_catalog.unnest(:types::pg_catalog.oid[])
    UNION
    SELECT next.oid
      FROM reachable
      JOIN pg_catalog.pg_type t ON t.oid = reachable.oid
     CROSS JOIN LATERAL (
           SELECT t.typelem WHERE t.typcategory = 'A'
           UNION ALL
           SELECT t.typbasetype WHERE t.typtype = 'd'
           UNION ALL
           SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
           UNION ALL
           SELECT a.atttypid
             FROM pg_catalog.pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
              AND a.attnum > 0 AND NOT a.attisdropped
     ) AS next(oid)
     WHERE next.oid <> 0
)
SELECT t.oid,
       CASE WHEN t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
            THEN t.typname ELSE '' END,
       t.typtype,
       t.typcategory,
       CASE WHEN t.typtype = 'd' THEN t.typbasetype
            WHEN t.typcategory = 'A' THEN t.typelem
            WHEN t.typtype = 'r'
            THEN (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
            ELSE 0 END,
       t.typtypmod,
       t.typnotnull,
       (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
          FROM pg_catalog.pg_enum e
         WHERE e.enumtypid = t.oid),
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.atttypid::pg_catalog.int8, a.atttypmod)
                                   ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
         WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
           AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(k.conname,
                                                               pg_catalog.pg_get_constraintdef(k.oid)))
          FROM pg_catalog.pg_constraint k
         WHERE k.contypid = t.oid AND k.contype = 'c')
  FROM reachable
  JOIN pg_catalog.pg_type t ON t.oid = reachable.oid
