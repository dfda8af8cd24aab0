-- Changes whenever a run has something to do.
SELECT pg_catalog.format('%s, %s, %s, %s',
    (SELECT pg_catalog.count(*) FROM segue.deployment),
    (SELECT pg_catalog.count(*) FROM segue.intent),
    (SELECT pg_catalog.max(ended_at) FROM segue.migration),
    (SELECT pg_catalog.max(ended_at) FROM segue.intent))
