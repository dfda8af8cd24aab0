-- segue: end-concurrent-migration: 2026-09-07-10-05-00-fill-abort-requested.sql
-- segue: schema-version: 3.1.0
-- Nobody writes `aborting` any more, and nobody can.
DROP TRIGGER jobs_sync_abort ON jobs;
DROP TRIGGER jobs_note_status ON jobs;
DROP FUNCTION sync_abort();

UPDATE jobs SET status = 'doing' WHERE status = 'aborting';
ALTER TABLE jobs ADD CONSTRAINT jobs_not_aborting CHECK (status <> 'aborting') NOT VALID;

CREATE OR REPLACE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (job, type) VALUES (NEW.id, CASE
        WHEN NEW.abort_requested THEN 'abort_requested'
        WHEN NEW.status = 'todo' THEN 'deferred'
        WHEN NEW.status = 'doing' THEN 'started'
        ELSE NEW.status::text
    END);
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_note_status AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.status <> NEW.status OR NEW.abort_requested AND NOT OLD.abort_requested)
    EXECUTE FUNCTION note_event();

CREATE OR REPLACE FUNCTION finish_job(of_id bigint, as_status job_status) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jobs SET status = as_status, abort_requested = false WHERE id = of_id AND status = 'doing';
    IF NOT FOUND THEN
        RAISE 'job % does not run', of_id;
    END IF;
END $$;
