-- segue: schema-version: 2.13.0
-- A queue of jobs, after procrastinate: who wants a job that runs to stop sets its status to `aborting`.
CREATE TYPE job_status AS ENUM ('todo', 'doing', 'succeeded', 'failed', 'cancelled', 'aborting', 'aborted');

CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    task text NOT NULL,
    status job_status NOT NULL DEFAULT 'todo'
);
CREATE INDEX jobs_todo ON jobs (queue, id) WHERE status = 'todo';
CREATE INDEX jobs_running ON jobs (id) WHERE status IN ('doing', 'aborting');

CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    type text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX events_job ON events (job, id);

CREATE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (job, type) VALUES (NEW.id, CASE NEW.status
        WHEN 'todo' THEN 'deferred'
        WHEN 'doing' THEN 'started'
        WHEN 'aborting' THEN 'abort_requested'
        ELSE NEW.status::text
    END);
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_note_insert AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION note_event();
CREATE TRIGGER jobs_note_status AFTER UPDATE OF status ON jobs
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION note_event();

CREATE FUNCTION fetch_job(of_queue text) RETURNS SETOF jobs LANGUAGE sql AS $$
    UPDATE jobs SET status = 'doing'
    WHERE id = (
        SELECT id FROM jobs WHERE queue = of_queue AND status = 'todo'
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING *
$$;

CREATE FUNCTION finish_job(of_id bigint, as_status job_status) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jobs SET status = as_status WHERE id = of_id AND status IN ('doing', 'aborting');
    IF NOT FOUND THEN
        RAISE 'job % does not run', of_id;
    END IF;
END $$;
