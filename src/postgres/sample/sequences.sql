-- Each sequence of the user's: its name as SQL has it, that as a literal, its
-- namespace, the table to whose column it belongs.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.quote_literal(pg_catalog.format('%I.%I', n.nspname, c.relname)),
       n.nspname,
       (SELECT d.refobjid
          FROM pg_catalog.pg_depend AS d
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.deptype IN ('a', 'i')
         LIMIT 1)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'S'
   AND c.relpersistence <> 't'
   -- A standby has none of these.
   AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
   AND n.nspname NOT IN ('information_schema', 'segue')
   AND n.nspname !~ '^pg_'
   AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.objid = c.oid AND d.deptype = 'e'
   )
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
