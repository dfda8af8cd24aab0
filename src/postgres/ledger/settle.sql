WITH settled AS (
    UPDATE segue.deployment d
       SET state = 'settled', settled_at = pg_catalog.clock_timestamp(), error = NULL
     WHERE d.project = :project AND d.state = 'ready'
       AND NOT EXISTS (
           SELECT FROM pg_catalog.unnest(d.tail) AS t(file)
            WHERE NOT EXISTS (
                SELECT FROM segue.migration m
                 WHERE m.project = d.project AND m.file = t.file
                   AND m.state IN ('applied', 'abandoned')))
    RETURNING d.id, d.project, d.migration, d.fingerprint
), told AS (
    SELECT id, pg_catalog.pg_notify('segue', pg_catalog.json_build_object(
               'version', 1, 'project', project, 'event', 'settled', 'deployment', id,
               'migration', migration, 'schema_version', NULL, 'fingerprint', fingerprint)::text)
      FROM settled
)
SELECT id FROM told ORDER BY id DESC
