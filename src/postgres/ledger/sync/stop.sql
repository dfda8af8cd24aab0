CREATE FUNCTION segue.divergence(relation regclass, "column" name) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = '' SET row_security = off AS $segue$
DECLARE
    look record;
    rows_left bigint;
BEGIN
    look := segue.sync_left(relation, "column");
    EXECUTE format('SELECT count(*) FROM %s WHERE %s', look.rows_from, look.is_left) INTO rows_left;
    RETURN rows_left;
END
$segue$;
COMMENT ON FUNCTION segue.divergence IS 'How many rows segue.keep_in_sync would give another value; reads the whole table.';

CREATE FUNCTION segue.stop_sync(relation regclass, "column" name, prove boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = '' SET row_security = off AS $segue$
DECLARE
    -- Enough to know that it is not nearly done.
    rows_max CONSTANT bigint := 10000;
    look record;
    sync record;
    key text;
    rows_left bigint;
    example text;
    one name;
BEGIN
    look := segue.sync_left(relation, "column");
    SELECT * INTO sync FROM segue.sync_of(relation, "column");
    IF prove THEN
        SELECT string_agg(format('%I.%I', sync.made_of ->> 'table', a.attname), ', ' ORDER BY k.place) INTO key
        FROM pg_catalog.pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = relation AND i.indisprimary AND k.place <= i.indnkeyatts;
        BEGIN
        EXECUTE format(
            'SELECT count(*), string_agg(key, '', '') FILTER (WHERE place <= 5) FROM (SELECT row_number() OVER () AS place, %s AS key FROM %s WHERE %s LIMIT %s) AS rows_left',
            CASE WHEN key IS NULL THEN format('%I.ctid::text', sync.made_of ->> 'table') ELSE format('concat_ws('':'', %s)', key) END,
            look.rows_from, look.is_left, rows_max
        ) INTO rows_left, example;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
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
    END IF;
    -- What was written since was written with the triggers, which end only now.
    FOREACH one IN ARRAY sync.triggers LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', one, relation);
    END LOOP;
    EXECUTE format('DROP FUNCTION %s()', sync.routine::regproc);
END
$segue$;
COMMENT ON FUNCTION segue.stop_sync IS 'Proves that no row is left for segue.keep_in_sync to do, then drops its triggers.';
