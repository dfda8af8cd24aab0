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
    -- Written as `Notice` writes it, without the spaces of json_build_object.
    SELECT id, pg_catalog.pg_notify('segue', pg_catalog.format(
               '{"version":1,"project":%s,"event":"settled","deployment":%s,"migration":%s,"schema_version":%s,"fingerprint":%s}',
               pg_catalog.to_json(project), id,
               coalesce(pg_catalog.to_json(migration)::text, 'null'), :schema_version, pg_catalog.to_json(fingerprint)))
      FROM settled
)
SELECT id FROM told ORDER BY id DESC
