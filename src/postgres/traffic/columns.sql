SELECT w.place, s.attname, s.avg_width, s.n_distinct
  FROM (VALUES :tables) w (place, namespace, name)
  JOIN pg_catalog.pg_stats s ON s.schemaname = w.namespace AND s.tablename = w.name
 -- Of a parent and its children together, where both are known.
 ORDER BY w.place, s.attname, s.inherited
