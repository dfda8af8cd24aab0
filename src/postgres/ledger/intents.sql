SELECT id, checksum, statement, fingerprint, sql, state, relation,
       pg_catalog.array_to_json(indexes_before::bigint[]), target, pid, backend_start, deployment, error, before
  FROM segue.intent
 WHERE project = :project AND file = :file
 ORDER BY id
