-- What the expression asks of the session is what the triggers ask, so both
-- functions take their settings for as long as they run.
CREATE FUNCTION segue.divergence(relation regclass, "column" name) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = '' SET row_security = off SET standard_conforming_strings = on
SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $segue$
DECLARE
    look record;
    rows_left bigint;
BEGIN
    look := segue.sync_left(relation, "column");
    PERFORM set_config(split_part(one, '=', 1), substr(one, strpos(one, '=') + 1), true) FROM unnest(look.settings) AS one;
    EXECUTE format('SELECT count(*) FROM %s WHERE %s', look.rows_from, look.is_left) INTO rows_left;
    RETURN rows_left;
END
$segue$;
COMMENT ON FUNCTION segue.divergence IS 'How many rows segue.keep_in_sync would give another value; reads the whole table.';

CREATE FUNCTION segue.stop_sync(relation regclass, "column" name, prove boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = '' SET row_security = off SET standard_conforming_strings = on
SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $segue$
DECLARE
    -- Enough to know that it is not nearly done.
    rows_max CONSTANT bigint := 10000;
    look record;
    sync record;
    looked_at regclass[];
    locked regclass[] := '{}';
    node record;
    key text;
    rows_left bigint;
    example text;
    one name;
BEGIN
    sync := segue.sync_known(relation, "column");
    IF prove THEN
        look := segue.sync_left(relation, "column");
        -- No partition joins from here on: its rows would not be looked at.
        -- Into a child that has no triggers of its own nobody writes.
        LOOP
            SELECT of_kin.kin, of_kin.relkind INTO node
            FROM segue.sync_kin(relation) AS of_kin
            WHERE of_kin.kin <> ALL (locked) AND (
                of_kin.relkind = 'p'
                OR NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = of_kin.kin AND c.relispartition)
                    AND NOT EXISTS (SELECT FROM segue.sync_of(of_kin.kin, "column") AS of_child WHERE of_child.routine IS NOT NULL)
            ) LIMIT 1;
            EXIT WHEN NOT FOUND;
            EXECUTE format('LOCK TABLE ONLY %s IN %s MODE', node.kin, CASE node.relkind WHEN 'p' THEN 'SHARE UPDATE EXCLUSIVE' ELSE 'SHARE' END);
            locked := locked || node.kin;
        END LOOP;
        looked_at := ARRAY(SELECT of_kin.kin FROM segue.sync_kin(relation) AS of_kin);
        SELECT string_agg(format('%I.%I', sync.made_of ->> 'table', a.attname), ', ' ORDER BY k.place) INTO key
        FROM pg_catalog.pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = relation AND i.indisprimary AND k.place <= i.indnkeyatts;
        BEGIN
            PERFORM set_config(split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1), true)
            FROM unnest(look.settings) AS setting;
            EXECUTE format(
                'SELECT count(*), string_agg(key, '', '') FILTER (WHERE place <= 5) FROM (SELECT row_number() OVER () AS place, %s AS key FROM %s WHERE %s LIMIT %s) AS rows_left',
                CASE WHEN key IS NULL THEN format('%I.ctid::text', sync.made_of ->> 'table') ELSE format('concat_ws('':'', %s)', key) END,
                look.rows_from, look.is_left, rows_max
            ) INTO rows_left, example;
        EXCEPTION WHEN OTHERS THEN
            -- A right that is missing, row security.
            IF SQLSTATE ~ segue.sync_server_errors() OR SQLSTATE = '42501' THEN
                RAISE;
            END IF;
            RAISE EXCEPTION 'column "%" of % has rows left that % fails for: %',
                "column", relation, sync.made_of ->> 'expression', SQLERRM
                USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Table segue.quarantine has the rows that a backfill could not do: correct them, then let it try again.';
        END;
        IF rows_left > 0 THEN
            RAISE EXCEPTION '% of % not filled: "%" is not what it should be there, %',
                CASE WHEN rows_left = 1 THEN '1 row' WHEN rows_left < rows_max THEN rows_left || ' rows' ELSE rows_max || ' rows or more' END,
                relation || CASE WHEN rows_left = 1 THEN ' is' ELSE ' are' END, "column", sync.made_of ->> 'expression'
                USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('%s of some of them: %s.', CASE WHEN key IS NULL THEN 'Place' ELSE 'Key' END, example),
                HINT = 'The backfill of the column has to be done first: name it in `-- segue: end-concurrent-migration: FILE`. For a few rows: ' || look.repair;
        END IF;
        IF look.may_be_left IS NOT NULL THEN
            EXECUTE format('SELECT count(*) FROM (SELECT FROM %s WHERE %s LIMIT %s) AS rows_left', look.rows_from, look.may_be_left, rows_max)
            INTO rows_left;
            IF rows_left > 0 THEN
                RAISE WARNING '% of %: "%" is not %, and was left as it is',
                    CASE WHEN rows_left = 1 THEN '1 row' WHEN rows_left < rows_max THEN rows_left || ' rows' ELSE rows_max || ' rows or more' END,
                    relation, "column", sync.made_of ->> 'expression'
                    USING HINT = format('New code has written it so, or a write to another column was missed while triggers were off: nobody can tell. Look: SELECT * FROM %s WHERE %s', look.rows_from, look.may_be_left);
            END IF;
        END IF;
        PERFORM set_config('search_path', '', true);
    END IF;
    -- What was written since was written with the triggers, which end only now.
    FOREACH one IN ARRAY sync.triggers LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', one, relation);
    END LOOP;
    EXECUTE format('DROP FUNCTION %s()', sync.routine::regproc);
    IF prove AND EXISTS (SELECT FROM segue.sync_kin(relation) AS now_kin WHERE now_kin.kin <> ALL (looked_at)) THEN
        RAISE EXCEPTION 'a table has joined % while its rows were looked at', relation
            USING ERRCODE = 'object_in_use', HINT = 'Call segue.stop_sync again.';
    END IF;
END
$segue$;
COMMENT ON FUNCTION segue.stop_sync IS 'Proves that no row is left for segue.keep_in_sync to do, then drops its triggers.';
