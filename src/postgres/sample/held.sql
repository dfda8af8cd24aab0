-- What would keep rows out that have been in a database for long, or change
-- them on their way in: a statement that puts it aside, and one that brings it
-- back, all of them in this order.
WITH relations AS (
    SELECT c.oid, c.relkind, c.relrowsecurity, c.relforcerowsecurity,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p')
       AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('information_schema', 'segue')
       AND n.nspname !~ '^pg_'
       AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
              AND d.objid = c.oid AND d.deptype = 'e'
       )
),
domains AS (
    SELECT t.oid, pg_catalog.format('%I.%I', n.nspname, t.typname) AS name
      FROM pg_catalog.pg_type AS t
      JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
     WHERE t.typtype = 'd'
       AND n.nspname NOT IN ('information_schema', 'segue')
       AND n.nspname !~ '^pg_'
       AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
              AND d.objid = t.oid AND d.deptype = 'e'
       )
),
held(place, oid, away, back) AS (
    -- Triggers have done their work when the rows were new. A partition's copy
    -- of one may be off by itself.
    SELECT 1, t.oid,
           pg_catalog.format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', r.name, t.tgname),
           pg_catalog.format(
               'ALTER TABLE ONLY %s ENABLE %sTRIGGER %I', r.name,
               CASE t.tgenabled WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END,
               t.tgname
           )
      FROM relations AS r
      JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid
     -- PostgreSQL 14 has a partition's copy for an internal one.
     WHERE (NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgconstraint = 0)
       AND t.tgenabled <> 'D'
    UNION ALL
    -- Rows may refer to each other in a circle: they are looked at in the end.
    SELECT 2, k.oid,
           pg_catalog.format(
               'ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', r.name, k.conname
           ),
           pg_catalog.format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', r.name, k.conname)
      FROM relations AS r
      JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid
     WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated AND NOT k.condeferrable
    UNION ALL
    -- What is not valid holds for new rows, and these are old ones.
    SELECT 3, k.oid,
           pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', r.name, k.conname),
           pg_catalog.format(
               'ALTER TABLE %s ADD CONSTRAINT %I %s', r.name, k.conname,
               pg_catalog.pg_get_constraintdef(k.oid)
           )
      FROM relations AS r
      JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid
     WHERE k.contype IN ('c', 'f', 'n') AND NOT k.convalidated AND k.conparentid = 0
       AND k.coninhcount = 0
       AND coalesce(pg_catalog.to_jsonb(k) ->> 'conenforced', 'true') = 'true'
    UNION ALL
    SELECT 3, k.oid, NULL,
           pg_catalog.format(
               'COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, r.name, d.description
           )
      FROM relations AS r
      JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid
      JOIN pg_catalog.pg_description AS d
        ON d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objoid = k.oid
     WHERE k.contype IN ('c', 'f', 'n') AND NOT k.convalidated AND k.conparentid = 0
       AND k.coninhcount = 0
       AND coalesce(pg_catalog.to_jsonb(k) ->> 'conenforced', 'true') = 'true'
    UNION ALL
    SELECT 3, k.oid,
           pg_catalog.format('ALTER DOMAIN %s DROP CONSTRAINT %I', d.name, k.conname),
           pg_catalog.format(
               'ALTER DOMAIN %s ADD CONSTRAINT %I %s', d.name, k.conname,
               pg_catalog.pg_get_constraintdef(k.oid)
           )
      FROM domains AS d
      JOIN pg_catalog.pg_constraint AS k ON k.contypid = d.oid
     WHERE NOT k.convalidated
    UNION ALL
    SELECT 3, k.oid, NULL,
           pg_catalog.format(
               'COMMENT ON CONSTRAINT %I ON DOMAIN %s IS %L', k.conname, d.name, said.description
           )
      FROM domains AS d
      JOIN pg_catalog.pg_constraint AS k ON k.contypid = d.oid
      JOIN pg_catalog.pg_description AS said
        ON said.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND said.objoid = k.oid
     WHERE NOT k.convalidated
    UNION ALL
    SELECT 4, r.oid,
           pg_catalog.format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', r.name),
           pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', r.name)
      FROM relations AS r
     WHERE r.relrowsecurity AND r.relforcerowsecurity
)
SELECT away, back FROM held ORDER BY place, oid, away NULLS LAST
