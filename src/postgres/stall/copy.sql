DO $watch$
DECLARE
    done bigint;
    before bigint;
    seconds integer := 0;
BEGIN
    LOOP
        PERFORM pg_catalog.pg_sleep(1);
        EXIT WHEN NOT EXISTS (
            SELECT FROM pg_catalog.pg_stat_get_activity(:pid)
             WHERE pg_catalog.to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') = :start);
        done := (SELECT c.bytes_processed
                   FROM pg_catalog.pg_stat_progress_copy AS c
                   JOIN pg_catalog.pg_stat_get_activity(:pid) AS a ON a.pid = c.pid
                  WHERE a.wait_event_type = 'Client');
        IF done = before THEN
            seconds := seconds + 1;
        ELSE
            seconds := 0;
        END IF;
        before := done;
        IF seconds >= :seconds THEN
            PERFORM pg_catalog.pg_terminate_backend(:pid);
            EXIT;
        END IF;
        -- No snapshot of ours is open for longer, and the next look is a new one.
        COMMIT;
    END LOOP;
END
$watch$
