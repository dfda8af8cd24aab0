WITH names (from_file, to_file) AS (VALUES :names)
UPDATE segue.deployment AS d
   SET migration = coalesce((SELECT to_file FROM names WHERE from_file = d.migration), d.migration),
       tail = (SELECT coalesce(pg_catalog.array_agg(coalesce(n.to_file, t.file) ORDER BY t.place), '{}')
                 FROM pg_catalog.unnest(d.tail) WITH ORDINALITY AS t (file, place)
                 LEFT JOIN names AS n ON n.from_file = t.file)
 WHERE d.project = :project
   AND EXISTS (SELECT FROM names WHERE from_file = d.migration OR from_file = ANY (d.tail))
