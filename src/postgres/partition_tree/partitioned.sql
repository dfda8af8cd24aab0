SELECT t.place
  FROM (VALUES :tables) t (place, name)
  JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(t.name)
 WHERE c.relkind = 'p'
