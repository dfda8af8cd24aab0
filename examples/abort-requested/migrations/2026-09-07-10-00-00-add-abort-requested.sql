-- That a job is to stop becomes a column of its own; its status goes on saying what the job does. For as long as there is
-- code of both ways, each sees what the other has asked for.
ALTER TABLE jobs ADD COLUMN abort_requested boolean NOT NULL DEFAULT false;

CREATE FUNCTION sync_abort() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status = OLD.status AND NEW.abort_requested <> OLD.abort_requested THEN
        -- Code 3.1 has asked, or taken it back.
        IF NEW.status IN ('doing', 'aborting') THEN
            NEW.status := CASE WHEN NEW.abort_requested THEN 'aborting' ELSE 'doing' END;
        END IF;
    END IF;
    -- Code before it has only the status, and so have rows of before.
    NEW.abort_requested := NEW.status = 'aborting';
    RETURN NEW;
END $$;
CREATE TRIGGER jobs_sync_abort BEFORE INSERT OR UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION sync_abort();

-- `UPDATE OF status` does not fire where a trigger, and not the statement, has set the status.
CREATE OR REPLACE TRIGGER jobs_note_status AFTER UPDATE ON jobs
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION note_event();
