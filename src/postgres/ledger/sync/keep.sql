CREATE FUNCTION segue.sync_make(
    relation regclass, "column" name, expression text,
    back_column name, back_expression text, always boolean, path text
) RETURNS void
LANGUAGE plpgsql SET search_path = '' SET quote_all_identifiers = off SET standard_conforming_strings = on AS $segue$
DECLARE
    own record;
    target record;
    back record;
    way record;
    way_back record;
    known record;
    made_of jsonb;
    place text;
    named CONSTANT text := segue.sync_ident("column");
    blank text;
    unset CONSTANT text := segue.sync_preset(relation, "column");
    changed text;
    written text;
    given text;
    untouched text;
    row_named text;
    body text;
    routine text;
    config text[];
    settings text;
    is_nulls boolean;
    on_insert CONSTANT text := segue.sync_name('zz_segue_sync_insert_', "column");
    on_update CONSTANT text := segue.sync_name('zz_segue_sync_update_', "column");
    later text;
BEGIN
    IF relation IS NULL OR "column" IS NULL OR expression IS NULL OR always IS NULL THEN
        RAISE EXCEPTION 'segue.keep_in_sync needs a table, a column and an expression'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'SELECT segue.keep_in_sync(''person'', ''email_lower'', ''lower(email)'');';
    END IF;
    IF (back_column IS NULL) <> (back_expression IS NULL) THEN
        RAISE EXCEPTION 'the way back needs both its column and its expression'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give back_column and back_expression, or neither for one way.';
    END IF;
    SELECT c.relkind, c.relpersistence, c.relispartition, c.relname, n.nspname, c.relowner::regrole::text AS owner INTO own
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = relation;
    IF own.relkind NOT IN ('r', 'p') OR own.relpersistence = 't' THEN
        RAISE EXCEPTION '% is not an ordinary or partitioned table', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Only a table''s own triggers see each of its rows.';
    END IF;
    IF own.relispartition THEN
        RAISE EXCEPTION '% is a partition', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name the partitioned table: its triggers are those of all partitions.';
    END IF;
    IF own.relname IN ('new', 'old', 'tg_op', 'segue_value', 'segue_follows') THEN
        RAISE EXCEPTION '% has a name that the triggers need themselves', relation USING ERRCODE = 'reserved_name';
    END IF;
    place := format('%I.%I', own.nspname, own.relname);
    IF always AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = relation AND i.indisvalid AND (i.indisprimary OR i.indisreplident)
    ) THEN
        RAISE EXCEPTION '% has neither a primary key nor a replica identity index', relation
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Logical replication would look for its rows by all columns, with a null in the new one, and would not find those that the triggers have filled.';
    END IF;
    -- At once as strong as the triggers will need it; writers that began
    -- without them are waited for.
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', place);

    SELECT a.attname, a.atttypid, a.attcollation, format_type(a.atttypid, a.atttypmod) AS type,
        a.attgenerated, a.attidentity, a.attnotnull OR t.typnotnull AS is_never_null, b.shown AS base,
        coalesce(d.adbin, t.typdefaultbin)::text AS tree, coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0)) AS preset
    INTO target
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    CROSS JOIN LATERAL segue.sync_base(a.atttypid, a.atttypmod) AS b
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND a.attname = "column" AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no column "%"', relation, "column"
            USING ERRCODE = 'undefined_column', HINT = 'Add it first, in the same migration: ALTER TABLE … ADD COLUMN ….';
    END IF;
    IF target.attgenerated <> '' OR target.attidentity <> '' THEN
        RAISE EXCEPTION 'column "%" of % is generated', "column", relation
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The server writes it already; give an ordinary column.';
    END IF;
    -- Which partition a row belongs to is settled before its triggers run.
    -- A table's key columns depend on the table, also those inside expressions.
    SELECT string_agg(format('"%s" says in which partition of %s', a.attname, k.kin), ', ' ORDER BY k.kin::text) INTO later
    FROM segue.sync_kin(relation) AS k
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.kin AND a.attname IN ("column", back_column)
    WHERE k.relkind = 'p' AND EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum
            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = 0 AND d.deptype = 'i'
    );
    IF later IS NOT NULL THEN
        RAISE EXCEPTION 'column % a row is', later
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A trigger cannot move a row to another partition, so what it writes cannot decide that.';
    END IF;
    way := segue.sync_expression(relation, "column", expression, path);

    SELECT NULL::text AS sql, NULL::name[] AS inputs, false AS needs_path, false AS is_vague, false AS needs_times INTO way_back;
    IF back_column IS NOT NULL THEN
        SELECT a.attname, a.atttypid, a.attcollation, a.attgenerated INTO back
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = back_column AND a.attnum > 0 AND NOT a.attisdropped;
        IF NOT FOUND THEN
            RAISE EXCEPTION '% has no column "%"', relation, back_column USING ERRCODE = 'undefined_column';
        END IF;
        IF back.attgenerated <> '' THEN
            RAISE EXCEPTION 'column "%" of % is generated', back_column, relation
                USING ERRCODE = 'invalid_parameter_value', HINT = 'The server writes it already; one way is enough.';
        END IF;
        way_back := segue.sync_expression(relation, back_column, back_expression, path);
        IF NOT back_column = ANY (way.inputs) OR NOT "column" = ANY (way_back.inputs) THEN
            RAISE EXCEPTION 'the ways do not belong together: "%" has to use "%", and "%" to use "%"',
                expression, back_column, back_expression, "column"
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Each expression gives the one column from the other.';
        END IF;
        IF target.tree IS NOT NULL AND segue.sync_is_volatile(target.tree) THEN
            RAISE EXCEPTION 'column "%" of % has a volatile default, %: nobody can tell whether a value of it was given',
                "column", relation, target.preset
                USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Leave the default to the old column, and give it to the new one when segue.stop_sync has been called.';
        END IF;
        SELECT string_agg(format('%s (%s)', k.kin, other.preset), ', ' ORDER BY k.kin::text) INTO later
        FROM segue.sync_kin(relation) AS k CROSS JOIN LATERAL segue.sync_preset(k.kin, "column") AS other (preset)
        WHERE own.relkind = 'p' AND other.preset IS DISTINCT FROM unset AND other.preset IS NOT NULL;
        IF later IS NOT NULL THEN
            RAISE EXCEPTION 'column "%" has another default in partitions of %: %', "column", relation, later
                USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Nobody could tell whether a value of it was given. ALTER TABLE … ALTER … DROP DEFAULT, or SET DEFAULT to that of the partitioned table.';
        END IF;
        -- What a null on one side says on the other. An expression that fails
        -- for a null says it when a row has one.
        BEGIN
            PERFORM set_config('search_path', path, true);
            EXECUTE (
                SELECT format(
                    'SELECT (%s) IS NOT DISTINCT FROM NULL AND (%s) IS NOT DISTINCT FROM NULL FROM (SELECT %s) AS %I', way.sql, way_back.sql,
                    string_agg(format('CAST(NULL AS %s) AS %I', b.shown, a.attname), ', ' ORDER BY a.attname), own.relname
                )
                FROM pg_catalog.pg_attribute AS a CROSS JOIN LATERAL segue.sync_base(a.atttypid, a.atttypmod) AS b
                WHERE a.attrelid = relation AND a.attname = ANY (way.inputs || way_back.inputs)
            ) INTO is_nulls;
        EXCEPTION WHEN OTHERS THEN
            is_nulls := NULL;
        END;
        PERFORM set_config('search_path', '', true);
        IF NOT is_nulls AND NOT target.is_never_null THEN
            RAISE WARNING 'a null in column "%" of % is no null on the other side', "column", relation
                USING HINT = 'A null that new code writes would not stay: the next write to the row, or segue.divergence, takes it for a row that nobody has filled. Let both expressions give null for null, or make the column NOT NULL with a default.';
        END IF;
    END IF;

    -- Triggers run by the order of their names: who writes a column has to
    -- come before who reads it.
    SELECT string_agg(format('"%s"', other.made_of ->> 'column'), ', ' ORDER BY other.made_of ->> 'column') INTO later
    FROM pg_catalog.pg_attribute AS a
    CROSS JOIN LATERAL segue.sync_of(relation, a.attname) AS other
    CROSS JOIN LATERAL (SELECT min(one) AS name FROM unnest(other.triggers) AS one WHERE one LIKE '%\_update\_%') AS known_by
    WHERE a.attrelid = relation AND a.attname <> "column" AND other.routine IS NOT NULL
        AND CASE WHEN known_by.name COLLATE "C" > on_update COLLATE "C"
            THEN ARRAY[other.made_of ->> 'column', other.made_of ->> 'back_column'] && (way.inputs || way_back.inputs)::text[]
            ELSE ARRAY["column", back_column]::text[] && ARRAY(SELECT jsonb_array_elements_text(other.made_of -> 'inputs'))
        END;
    IF later IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of % hangs together with %, which is kept in sync too', "column", relation, later
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Triggers run one after the other: write the expression over columns that nothing else keeps in sync.';
    END IF;

    SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text) INTO later
    FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = relation AND own.relkind = 'r'
        AND NOT EXISTS (SELECT FROM segue.sync_of(c.oid, "column") AS sync WHERE sync.routine IS NOT NULL);
    IF later IS NOT NULL THEN
        RAISE EXCEPTION '% has children that inherit from it: %', relation, later
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'A trigger is of one table: call segue.keep_in_sync for each child first.';
    END IF;

    -- A row that nobody has filled yet.
    blank := segue.sync_blank(relation, "column", 'new', unset);
    made_of := jsonb_build_object(
        'table', own.relname, 'column', "column", 'expression', way.sql, 'inputs', to_jsonb(way.inputs || way_back.inputs),
        'back_column', back_column, 'back_expression', way_back.sql, 'preset', unset
    );
    SELECT * INTO known FROM segue.sync_of(relation, "column") AS sync WHERE sync.routine IS NOT NULL;
    IF FOUND AND (known.made_of - '{table,preset}'::text[]) <> (made_of - '{table,preset}'::text[]) THEN
        RAISE EXCEPTION 'column "%" of % is kept equal to something else already: %', "column", relation, known.made_of ->> 'expression'
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('First SELECT segue.stop_sync(%L, %L, prove => false);', relation, "column");
    END IF;

    SELECT string_agg(segue.sync_differ('new.' || segue.sync_ident(a.attname), 'old.' || segue.sync_ident(a.attname), a.atttypid, a.attcollation),
        ' OR ' ORDER BY a.attname) INTO changed
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = ANY (way.inputs);
    SELECT string_agg(format('new.%s IS DISTINCT FROM NULL', segue.sync_ident(one)), ' OR ' ORDER BY one) INTO given
    FROM unnest(way.inputs) AS one;
    written := segue.sync_differ('new.' || named, 'old.' || named, target.atttypid, target.attcollation);

    -- The table's name stands for the row: `lower(person.email)` is
    -- `lower(new.email)`. Names that a query inside the expression knows come
    -- first, as in SQL. The errors that a backfill sets rows aside for are no
    -- reason to refuse a write that is about something else.
    SELECT CASE
        WHEN bool_and(a.attcollation = t.typcollation) THEN format(E'DECLARE\n    %s ALIAS FOR new;', segue.sync_ident(own.relname))
        -- A field of `new` has its type's collation, not its column's.
        ELSE format(E'<<%s>>\nDECLARE\n    %s', segue.sync_ident(own.relname), string_agg(
            format('%1$s CONSTANT %2$s%3$s := new.%1$s;', segue.sync_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                CASE WHEN c.oid IS NOT NULL THEN format(' COLLATE %I.%I', n.nspname, c.collname) END), E'\n    ' ORDER BY a.attname))
    END INTO row_named
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace
    WHERE a.attrelid = relation AND a.attname = ANY (way.inputs || way_back.inputs);
    untouched := format($body$BEGIN
            new.%s := %s;
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE ~ %L THEN
                RAISE;
            END IF;
        END;$body$, named, way.sql, segue.sync_server_errors());
    body := format($body$
-- segue.keep_in_sync %s
#variable_conflict use_column
%s
$body$, made_of, row_named);
    IF back_column IS NULL THEN
        body := body || format($body$BEGIN
    IF TG_OP = 'UPDATE' AND NOT (%s OR %s) THEN
        -- Not filled yet, and not what this write is about.
        %s
    ELSE
        new.%s := %s;
    END IF;
    RETURN new;
END
$body$, changed, written, untouched, named, way.sql);
    ELSE
        body := body || format($body$    segue_value %s;
    segue_follows boolean;
BEGIN
    IF (CASE TG_OP WHEN 'UPDATE' THEN %s ELSE NOT (%s) OR NOT (%s) AND new.%s IS DISTINCT FROM NULL END) THEN
        -- The new column was written, and holds, be it with its default where
        -- nothing else was given. What a backfill writes is what the old one
        -- says already.
        BEGIN
            segue_value := %s;
            segue_follows := NOT (%s);
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE ~ %L THEN
                RAISE;
            END IF;
            segue_follows := false;
        END;
        IF NOT segue_follows THEN
            new.%s := %s;
        END IF;
    ELSIF TG_OP = 'UPDATE' AND NOT (%s) THEN
        -- Not filled yet, and not what this write is about.
        %s
    ELSE
        new.%s := %s;
    END IF;
    RETURN new;
END
$body$, target.base, written, blank, given, named, way.sql,
            segue.sync_differ('new.' || named, 'segue_value', target.atttypid, target.attcollation), segue.sync_server_errors(),
            segue.sync_ident(back_column), way_back.sql, changed, untouched, named, way.sql);
    END IF;
    -- A writer's settings change nothing. Each costs with each row, the path
    -- most of all, so only what counts is settled: the migration's path for
    -- bodies that are looked up when they run, else pg_catalog alone.
    config := CASE
        WHEN (way.needs_path OR way_back.needs_path) AND path <> '''''' THEN ARRAY['search_path=' || path || ', pg_temp']
        WHEN way.needs_path OR way_back.needs_path OR way.is_vague OR way_back.is_vague THEN ARRAY['search_path=pg_catalog, pg_temp']
        ELSE '{}'
    END;
    IF strpos(concat(way.sql, way_back.sql, blank), chr(92)) > 0 THEN
        config := config || 'standard_conforming_strings=on'::text;
    END IF;
    IF way.needs_times OR way_back.needs_times THEN
        config := config || ARRAY[
            'DateStyle=' || current_setting('DateStyle'), 'IntervalStyle=' || current_setting('IntervalStyle'),
            'TimeZone=' || current_setting('TimeZone')
        ];
    END IF;
    SELECT string_agg(
        -- The path is a list of names.
        format(' SET %s = %s', setting[1], CASE setting[1] WHEN 'search_path' THEN setting[2] ELSE quote_literal(setting[2]) END), ''
        ORDER BY one.at
    ) INTO settings
    FROM unnest(config) WITH ORDINALITY AS one (line, at)
    CROSS JOIN LATERAL regexp_match(one.line, '^(\w+)=(.*)$') AS parsed (setting);

    routine := segue.sync_name(format('segue_sync_%s_', own.relname), "column");
    IF known.routine IS NOT NULL THEN
        routine := known.routine::regproc::text;
        IF (SELECT p.prosrc = body AND coalesce(p.proconfig, '{}') @> config AND coalesce(p.proconfig, '{}') <@ config
                AND bool_and(t.tgenabled = CASE WHEN always THEN 'A' ELSE 'O' END)
            FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_trigger AS t ON t.tgfoid = p.oid AND t.tgrelid = relation
            WHERE p.oid = known.routine GROUP BY p.prosrc, p.proconfig)
        THEN
            RETURN;
        END IF;
    ELSE
        -- Table a_b with column c, and table a with column b_c.
        IF EXISTS (
            SELECT FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_trigger AS t ON t.tgfoid = p.oid
            WHERE p.oid = to_regprocedure(format('%I.%I()', own.nspname, routine)) AND p.prosrc ~ '^\s*-- segue\.keep_in_sync '
        ) THEN
            routine := segue.sync_name(format('segue_sync_%s_%s_', left(md5(own.relname || '.' || "column"), 8), own.relname), "column");
        END IF;
        routine := format('%I.%I', own.nspname, routine);
        IF EXISTS (
            SELECT FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_class AS c ON c.oid = relation
            WHERE p.oid = to_regprocedure(routine || '()')
                -- One whose table was dropped is taken up again.
                AND NOT (p.prosrc ~ '^\s*-- segue\.keep_in_sync ' AND pg_has_role(p.proowner, c.relowner, 'MEMBER')
                    AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgfoid = p.oid))
        ) THEN
            RAISE EXCEPTION 'function % is there already', routine
                USING ERRCODE = 'duplicate_function', HINT = 'The triggers need the name: rename or drop that function.';
        END IF;
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql%s AS %L', routine, coalesce(settings, ''), body);

    -- The condition spares most updates the call, and keeps the columns from
    -- being dropped under it. Where the triggers are there, they are replaced,
    -- so that nobody who reads is waited for.
    IF known.routine IS NULL THEN
        SELECT string_agg(format('new.%I IS NULL', one), ' OR ' ORDER BY one) INTO later
        FROM unnest(way.inputs || back_column || "column") AS one WHERE one IS NOT NULL;
        EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %s FOR EACH ROW WHEN ((%s) IS NOT NULL) EXECUTE FUNCTION %s()',
            on_insert, place, later, routine);
    END IF;
    EXECUTE format('CREATE %s TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s OR %s OR %s AND (%s)) EXECUTE FUNCTION %s()',
        CASE WHEN known.routine IS NOT NULL THEN 'OR REPLACE' END, on_update, place, changed, written, blank, given, routine);
    EXECUTE format('ALTER TABLE %1$s ENABLE %2$s TRIGGER %3$I, ENABLE %2$s TRIGGER %4$I',
        place, CASE WHEN always THEN 'ALWAYS' END, on_insert, on_update);
    -- So that the next member of the owner can end it. What a superuser writes
    -- stays a superuser's: it is what superusers run later.
    IF known.routine IS NULL AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user) THEN
        BEGIN
            EXECUTE format('ALTER FUNCTION %s() OWNER TO %s', routine, own.owner);
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END IF;

    SELECT string_agg(DISTINCT format('"%s"', t.tgname), ', ') INTO later
    FROM segue.sync_kin(relation) AS k JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = k.kin
    WHERE NOT t.tgisinternal AND (own.relkind = 'p' OR k.kin = relation)
        -- BEFORE, FOR EACH ROW, on INSERT or UPDATE.
        AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0
        AND t.tgname COLLATE "C" > on_insert COLLATE "C" AND t.tgname NOT LIKE 'zz\_segue\_sync\_%';
    IF later IS NOT NULL THEN
        RAISE WARNING 'of the triggers of %, % run behind those that keep "%" in sync', relation, later, "column"
            USING HINT = 'What they change is not seen. Triggers run by the order of their names: rename them.';
    END IF;
END
$segue$;

-- Not pinned itself: the expression means what its migration's search_path says.
CREATE FUNCTION segue.keep_in_sync(
    relation regclass, "column" name, expression text,
    back_column name DEFAULT NULL, back_expression text DEFAULT NULL, always boolean DEFAULT false
) RETURNS void
LANGUAGE sql AS $segue$
    SELECT segue.sync_make($1, $2, $3, $4, $5, $6, coalesce((
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(one), ', ' ORDER BY place)
        FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS path (one, place)
    ), ''''''))
$segue$;
COMMENT ON FUNCTION segue.keep_in_sync IS 'Makes triggers that keep a column equal to an expression over the others, for old and new code alike.';
