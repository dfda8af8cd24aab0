-- Each column of each table of the user's: table, column, whether a sequence
-- fills it. Unlogged tables are empty after a crash, as PostgreSQL promises.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.quote_ident(a.attname),
       CASE WHEN a.attidentity <> ''
                 OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%' THEN 'yes' ELSE 'no' END
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
   AND c.relpersistence = 'p'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'segue')
   AND n.nspname !~ '^pg_(toast|temp)'
 ORDER BY 1, a.attnum
