
CREATE FUNCTION segue.schema_version(project text DEFAULT 'main') RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT pg_catalog.array_to_string(v.schema_version, '.') FROM segue.version AS v WHERE v.project = schema_version.project);
COMMENT ON FUNCTION segue.schema_version(text) IS 'The version of a project''s schema, X.Y.Z; null if it has none.';

CREATE FUNCTION segue.version_bounds(range text) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = '' AS $segue$
DECLARE
    part text;
    parsed text[];
    at integer[];
    after integer[];
    lowest integer[] := '{0,0,0}';
    above integer[];
BEGIN
    FOREACH part IN ARRAY string_to_array(range, ',') LOOP
        parsed := regexp_match(part, '^[[:space:]]*(>=|<=|>|<|=)[[:space:]]*(0|[1-9][0-9]{0,8})(?:[.](0|[1-9][0-9]{0,8}))?(?:[.](0|[1-9][0-9]{0,8}))?[[:space:]]*$');
        IF parsed IS NULL THEN
            RAISE EXCEPTION 'no range of versions: %', quote_literal(range)
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Write bounds with commas between them: ''>= 3.1, < 4''.';
        END IF;
        at := ARRAY[parsed[2], coalesce(parsed[3], '0'), coalesce(parsed[4], '0')]::integer[];
        -- The first version that is not of this series any more.
        after := CASE
            WHEN parsed[3] IS NULL THEN ARRAY[at[1] + 1, 0, 0]
            WHEN parsed[4] IS NULL THEN ARRAY[at[1], at[2] + 1, 0]
            ELSE ARRAY[at[1], at[2], at[3] + 1]
        END;
        IF parsed[1] IN ('>=', '=') THEN
            lowest := greatest(lowest, at);
        ELSIF parsed[1] = '>' THEN
            lowest := greatest(lowest, after);
        END IF;
        IF parsed[1] = '<' THEN
            above := least(above, at);
        ELSIF parsed[1] IN ('<=', '=') THEN
            above := least(above, after);
        END IF;
    END LOOP;
    IF range = '' OR above <= lowest THEN
        RAISE EXCEPTION 'no version is in the range %', quote_literal(range)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write bounds with commas between them: ''>= 3.1, < 4''.';
    END IF;
    RETURN lowest || above;
END
$segue$;

-- By the xmax of a row that a snapshot shows: whether it has been replaced since.
CREATE FUNCTION segue.version_is_replaced(by xid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $segue$
DECLARE
    epoch CONSTANT bigint := 4294967296;
    near CONSTANT bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    full_id bigint := near / epoch * epoch + by::text::bigint;
BEGIN
    IF full_id > near + epoch / 2 THEN
        full_id := full_id - epoch;
    ELSIF full_id < near - epoch / 2 THEN
        full_id := full_id + epoch;
    END IF;
    RETURN full_id > 0 AND coalesce(pg_xact_status(full_id::text::xid8) = 'committed', false);
END
$segue$;

-- Three times the same, which the planner puts in place of a call.
CREATE FUNCTION segue.version_classes(project text) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    ('x' || pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.decode('736567756500', 'hex') || pg_catalog.convert_to('app-major', 'UTF8')
        || pg_catalog.decode('00', 'hex') || pg_catalog.convert_to(version_classes.project, 'UTF8')), 'hex'), 1, 8))::pg_catalog.bit(32)::pg_catalog.int4,
    ('x' || pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.decode('736567756500', 'hex') || pg_catalog.convert_to('app-minor', 'UTF8')
        || pg_catalog.decode('00', 'hex') || pg_catalog.convert_to(version_classes.project, 'UTF8')), 'hex'), 1, 8))::pg_catalog.bit(32)::pg_catalog.int4,
    ('x' || pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.decode('736567756500', 'hex') || pg_catalog.convert_to('app-patch', 'UTF8')
        || pg_catalog.decode('00', 'hex') || pg_catalog.convert_to(version_classes.project, 'UTF8')), 'hex'), 1, 8))::pg_catalog.bit(32)::pg_catalog.int4
];

-- What is known is what the session has told and has not taken back since:
-- |3.1.0 main|3.1.0 other|. For one transaction only it is told by locks that
-- end with it.
CREATE FUNCTION segue.version_tell(told text, project text, known text, for_transaction boolean) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $segue$
DECLARE
    parsed CONSTANT text[] := regexp_match(told, '^(0|[1-9][0-9]{0,8})(?:[.](0|[1-9][0-9]{0,8}))?(?:[.](0|[1-9][0-9]{0,8}))?$');
    classes CONSTANT integer[] := segue.version_classes(project);
    told_before CONSTANT text[] := string_to_array(trim(BOTH '|' FROM known), '|');
    stale integer[];
    stays text := '|';
    one text;
    held record;
BEGIN
    IF parsed IS NULL AND told <> '' THEN
        RAISE EXCEPTION 'segue.app_version is no version: %', quote_literal(told)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SET segue.app_version = ''3.1.0'';';
    END IF;
    IF NOT for_transaction THEN
        stale := classes;
    END IF;
    FOREACH one IN ARRAY told_before LOOP
        IF told = '' OR for_transaction THEN
            stale := stale || segue.version_classes(substr(one, strpos(one, ' ') + 1));
        ELSIF substr(one, strpos(one, ' ') + 1) <> project THEN
            stays := stays || one || '|';
        END IF;
    END LOOP;
    IF stale IS NOT NULL THEN
        FOR held IN
            SELECT l.classid::bigint AS class, l.objid::bigint AS object
            FROM pg_catalog.pg_locks AS l
            WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid() AND l.objsubid = 2 AND l.granted
                AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
                AND l.classid::bigint IN (SELECT (class::bigint + 4294967296) % 4294967296 FROM unnest(stale) AS class)
        LOOP
            -- As integers, which these keys are: the view shows them without a sign.
            PERFORM pg_advisory_unlock_shared(
                (CASE WHEN held.class > 2147483647 THEN held.class - 4294967296 ELSE held.class END)::integer, held.object::integer);
        END LOOP;
    END IF;
    -- Nobody takes them exclusively, and nobody is waited for.
    IF for_transaction THEN
        PERFORM pg_try_advisory_xact_lock_shared(classes[1], parsed[1]::integer),
            pg_try_advisory_xact_lock_shared(classes[2], coalesce(parsed[2], '0')::integer),
            pg_try_advisory_xact_lock_shared(classes[3], coalesce(parsed[3], '0')::integer);
    ELSIF told <> '' THEN
        -- Of the session, so that it is seen between two transactions too.
        PERFORM pg_try_advisory_lock_shared(classes[1], parsed[1]::integer),
            pg_try_advisory_lock_shared(classes[2], coalesce(parsed[2], '0')::integer),
            pg_try_advisory_lock_shared(classes[3], coalesce(parsed[3], '0')::integer);
        PERFORM set_config('segue.told_version', stays || told || ' ' || project || '|', false);
        RETURN;
    END IF;
    IF known <> '' THEN
        PERFORM set_config('segue.told_version', '', false);
    END IF;
END
$segue$;

CREATE FUNCTION segue.require(range text, project text DEFAULT 'main', app text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $segue$
DECLARE
    for_transaction CONSTANT boolean := coalesce(app, '') <> '';
    told CONSTANT text := coalesce(nullif(app, ''), current_setting('segue.app_version', true), '');
    known CONSTANT text := coalesce(current_setting('segue.told_version', true), '');
    version integer[];
    replaced_by xid;
    held text;
    held_before CONSTANT text := coalesce(nullif(current_setting('segue.held', true), ''), '|');
    bounds integer[];
BEGIN
    IF range IS NULL OR project IS NULL THEN
        RAISE EXCEPTION 'segue.require needs a range of versions, and a project'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'SELECT segue.require(''>= 3.1, < 4'');';
    END IF;
    -- The lock first: who changes the version holds it alone until that is
    -- committed, and what is read after it stays true until we end.
    PERFORM pg_advisory_xact_lock_shared(segue.version_key(project));
    IF for_transaction OR (CASE told WHEN '' THEN known <> '' ELSE strpos(known, '|' || told || ' ' || project || '|') = 0 END) THEN
        PERFORM segue.version_tell(told, project, known, for_transaction);
    END IF;
    SELECT v.schema_version, v.xmax INTO version, replaced_by FROM segue.version AS v WHERE v.project = require.project;
    -- One snapshot for all statements may be older than the lock.
    IF replaced_by <> '0'::xid AND current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
        AND segue.version_is_replaced(replaced_by)
    THEN
        RAISE EXCEPTION 'the schema of project "%" has got another version since this transaction began', project
            USING ERRCODE = 'serialization_failure', HINT = 'Run the transaction again.';
    END IF;
    -- The same question about the same version has the same answer, and most
    -- of the time goes into reading the range.
    held := range || ' has ' || array_to_string(version, '.');
    IF strpos(held_before, '|' || held || '|') > 0 THEN
        RETURN array_to_string(version, '.');
    END IF;
    bounds := segue.version_bounds(range);
    IF version IS NULL THEN
        RAISE EXCEPTION 'the schema of project "%" has no version', project
            USING ERRCODE = 'SV001', DETAIL = format('This transaction requires %s.', range),
            HINT = 'A migration gives it one by -- segue: schema-version: X.Y.Z, once it is applied.';
    END IF;
    IF version >= bounds[1:3] AND (cardinality(bounds) = 3 OR version < bounds[4:6]) THEN
        -- Of a few: several projects may be asked about in turn.
        PERFORM set_config('segue.held', CASE WHEN length(held_before) < 300 THEN held_before ELSE '|' END || held || '|', false);
        RETURN array_to_string(version, '.');
    END IF;
    RAISE EXCEPTION 'the schema of project "%" has version %', project, array_to_string(version, '.')
        USING ERRCODE = 'SV001', DETAIL = format('This transaction requires %s.', range),
        HINT = CASE WHEN version < bounds[1:3]
            THEN 'This code is newer than the schema: it may run once the pending migrations are applied.'
            ELSE 'This code is older than the schema: run a newer one.'
        END;
END
$segue$;
COMMENT ON FUNCTION segue.require(text, text, text) IS 'Holds the version of a project''s schema until the transaction ends, if it is in the range; else fails with SV001.';

-- Whoever may look into this namespace may ask, also where functions are nobody's
-- but their owner's by default.
GRANT EXECUTE ON FUNCTION segue.version_key(text), segue.schema_version(text), segue.version_bounds(text),
    segue.version_is_replaced(xid), segue.version_classes(text), segue.version_tell(text, text, text, boolean),
    segue.require(text, text, text) TO PUBLIC;
