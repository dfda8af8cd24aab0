
CREATE FUNCTION segue.version_key(project text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.hashtextextended(version_key.project, 7370677565);
COMMENT ON FUNCTION segue.version_key(text) IS 'Key of the advisory lock under which the version of a project changes.';

CREATE FUNCTION segue.version_begins() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $segue$
BEGIN
    -- There before the first version is, so that nobody sees it come without
    -- having seen that it was not there.
    INSERT INTO segue.version (project) VALUES (new.project) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$segue$;

CREATE TRIGGER version_begins AFTER INSERT ON segue.deployment
    FOR EACH ROW EXECUTE FUNCTION segue.version_begins();

CREATE FUNCTION segue.version_restored() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $segue$
BEGIN
    UPDATE segue.version AS v SET schema_version = new.schema_version, reached_at = new.reached_at
    WHERE v.project = new.project;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN new;
END
$segue$;

-- Rows of a dump of data alone come while the triggers are there already, which
-- have made these rows from the others.
CREATE TRIGGER version_restored BEFORE INSERT ON segue.version
    FOR EACH ROW WHEN (pg_catalog.pg_trigger_depth() = 0) EXECUTE FUNCTION segue.version_restored();

CREATE FUNCTION segue.version_follows() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $segue$
DECLARE
    whose CONSTANT text := CASE TG_OP WHEN 'DELETE' THEN old.project ELSE new.project END;
    highest integer[];
BEGIN
    -- The transaction has taken it as its first lock, unless it is none of
    -- segue's own. What others have changed is seen only behind it.
    PERFORM pg_advisory_xact_lock(segue.version_key(whose));
    SELECT m.schema_version INTO highest
    FROM segue.migration AS m
    WHERE m.project = whose AND m.state = 'applied' AND m.schema_version IS NOT NULL
        -- What a file takes back statement by statement is promised no more
        -- once that has begun.
        AND NOT EXISTS (
            SELECT FROM segue.migration AS r
            WHERE r.project = whose AND r.file = regexp_replace(m.file, '[.]sql$', '') || '.revert.sql'
                AND r.state IN ('begun', 'failed'))
    ORDER BY m.schema_version DESC LIMIT 1;
    -- A row that stays as it is must not even be locked: by its xmax
    -- segue.require tells that it has changed.
    UPDATE segue.version AS v SET schema_version = highest, reached_at = clock_timestamp()
    WHERE v.project = whose AND v.schema_version IS DISTINCT FROM highest;
    IF NOT FOUND THEN
        INSERT INTO segue.version (project, schema_version, reached_at) VALUES (whose, highest, clock_timestamp())
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$segue$;

CREATE TRIGGER version_follows_insert AFTER INSERT ON segue.migration
    FOR EACH ROW WHEN ((new.state = 'applied' OR new.file LIKE '%.revert.sql') AND new.schema_version IS NOT NULL) EXECUTE FUNCTION segue.version_follows();
CREATE TRIGGER version_follows_update AFTER UPDATE ON segue.migration
    FOR EACH ROW WHEN (CASE WHEN old.state = 'applied' THEN old.schema_version END
        IS DISTINCT FROM CASE WHEN new.state = 'applied' THEN new.schema_version END) EXECUTE FUNCTION segue.version_follows();
CREATE TRIGGER version_follows_delete AFTER DELETE ON segue.migration
    FOR EACH ROW WHEN ((old.state = 'applied' OR old.file LIKE '%.revert.sql') AND old.schema_version IS NOT NULL) EXECUTE FUNCTION segue.version_follows();
