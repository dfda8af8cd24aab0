WITH RECURSIVE relation AS (
  SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(:name)
), heirs (relid) AS (
  -- What is NOT NULL is so in partitions; a table that inherits may drop it.
  SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN relation r ON r.oid = h.inhparent AND r.relkind = 'r'
  UNION
  SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN heirs ON heirs.relid = h.inhparent
), unproven AS NOT MATERIALIZED (
  SELECT c.conrelid AS relid, pg_catalog.unnest(c.conkey) AS attnum
  FROM pg_catalog.pg_constraint c WHERE c.contype = 'n' AND NOT c.convalidated
), key AS (
  SELECT k.name, k.number::pg_catalog.int4 AS number, a.attnum, a.attcollation,
         pg_catalog.format_type(a.atttypid, -1) AS type,
         a.attnotnull AND NOT EXISTS (
           SELECT FROM unproven u WHERE u.relid = a.attrelid AND u.attnum = a.attnum
         ) AS required,
         (
           SELECT pg_catalog.min(o.attrelid::pg_catalog.regclass::pg_catalog.text)
           FROM heirs JOIN pg_catalog.pg_attribute o ON o.attrelid = heirs.relid AND o.attname = k.name AND o.attnum > 0
           WHERE NOT o.attnotnull OR EXISTS (
             SELECT FROM unproven u WHERE u.relid = o.attrelid AND u.attnum = o.attnum
           )
         ) AS nullable_in
  FROM pg_catalog.unnest(:columns) WITH ORDINALITY AS k (name, number)
  CROSS JOIN relation r
  LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = r.oid AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped
), usable AS (
  SELECT i.indisunique AND i.indnkeyatts = (SELECT pg_catalog.count(*) FROM key) AS counts
  FROM relation r
  JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree'
  WHERE i.indisvalid AND i.indisready AND i.indislive AND i.indpred IS NULL
    AND i.indnkeyatts >= (SELECT pg_catalog.count(*) FROM key)
    -- Forwards or backwards, it is read as `ORDER BY` has it by default.
    AND i.indoption[0] IN (0, 3)
    AND NOT EXISTS (
      SELECT FROM key k
      WHERE i.indkey[k.number - 1] IS DISTINCT FROM k.attnum
        OR i.indcollation[k.number - 1] IS DISTINCT FROM k.attcollation
        OR i.indoption[k.number - 1] IS DISTINCT FROM i.indoption[0]
        OR NOT EXISTS (
          SELECT FROM pg_catalog.pg_opclass o
          JOIN pg_catalog.pg_opclass d ON d.opcfamily = o.opcfamily AND d.opcdefault
          WHERE o.oid = i.indclass[k.number - 1]
        )
    )
)
SELECT r.oid, r.oid::pg_catalog.regclass,
       (SELECT pg_catalog.format('%I.%I', n.nspname, r.relname) FROM pg_catalog.pg_namespace n WHERE n.oid = r.relnamespace),
       r.relkind,
       EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = r.oid),
       EXISTS (SELECT FROM usable),
       -- A unique index says nothing of tables that inherit.
       EXISTS (SELECT FROM usable WHERE counts) AND NOT EXISTS (SELECT FROM heirs),
       (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', k.name, 'type', k.type, 'required', coalesce(k.required, false), 'nullable_in', k.nullable_in) ORDER BY k.number) FROM key k),
       pg_catalog.current_setting('block_size'),
       CASE WHEN pg_catalog.row_security_active(r.oid) THEN current_user::pg_catalog.text END
FROM relation r
