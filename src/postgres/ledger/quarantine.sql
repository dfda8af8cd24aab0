SELECT pg_catalog.to_json(key), sqlstate, error, tries,
       pg_catalog.to_json(at) #>> '{}'
  FROM segue.quarantine
 WHERE project = :project AND file = :file
 ORDER BY at, key
