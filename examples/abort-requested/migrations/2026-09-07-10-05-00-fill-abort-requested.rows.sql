-- Jobs of before: some wait, some run, every fifth is to stop.
INSERT INTO jobs (queue, task, status)
SELECT 'old', 'task ' || i, (ARRAY['todo', 'doing', 'succeeded', 'failed', 'aborting']::job_status[])[1 + i % 5]
FROM generate_series(1, 200) AS i;
