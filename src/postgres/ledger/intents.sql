SELECT id, checksum, statement, fingerprint, sql, state, relation,
       pg_catalog.array_to_json(indexes_before::bigint[]), target, pid, backend_start, deployment, error,
       -- Since version 3, and whoever only reads does not upgrade. An OID in
       -- jsonb is a string.
       pg_catalog.to_jsonb(i) -> 'before',
       pg_catalog.to_jsonb(i) -> 'made', pg_catalog.to_jsonb(i) ->> 'partition',
       pg_catalog.to_jsonb(i) -> 'partition_indexes_before',
       -- Since version 4.
       pg_catalog.to_jsonb(i) -> 'building'
  FROM segue.intent i
 WHERE project = :project AND file = :file
 ORDER BY id
