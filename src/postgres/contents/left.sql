-- What is left after all is done that nobody needs, one line each.
SELECT what FROM (
    SELECT pg_catalog.format('`%s` is %s in the ledger', file, state)
      FROM segue.migration WHERE state <> 'applied'
    UNION ALL
    SELECT pg_catalog.format('an intent is left open: statement %s of `%s`', statement + 1, file)
      FROM segue.intent WHERE state = 'begun'
    UNION ALL
    SELECT pg_catalog.format('a row of segue.progress is left of `%s`', file)
      FROM segue.progress
     WHERE file <> '' -- the sign of life of a batch
    UNION ALL
    SELECT pg_catalog.format('deployment %s is still running in the ledger', id)
      FROM segue.deployment WHERE state = 'running'
    UNION ALL
    SELECT 'an advisory lock is held'
      FROM pg_catalog.pg_locks WHERE locktype = 'advisory'
    UNION ALL
    SELECT pg_catalog.format('a session is left (%s), its last statement: %s', state, query)
      FROM pg_catalog.pg_stat_activity
     WHERE backend_type = 'client backend'
       AND pid <> pg_catalog.pg_backend_pid()
       AND datname = pg_catalog.current_database()
) AS facts (what)
ORDER BY what COLLATE "C"
