-- Each pair of columns that a foreign key makes equal: from, to.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(a.attname),
       pg_catalog.format('%I.%I', m.nspname, d.relname), pg_catalog.quote_ident(b.attname)
  FROM pg_catalog.pg_constraint AS f
  JOIN pg_catalog.pg_class AS c ON c.oid = f.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class AS d ON d.oid = f.confrelid
  JOIN pg_catalog.pg_namespace AS m ON m.oid = d.relnamespace
 CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey)) AS pair (own, other)
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = pair.own
  JOIN pg_catalog.pg_attribute AS b ON b.attrelid = f.confrelid AND b.attnum = pair.other
 WHERE f.contype = 'f'
