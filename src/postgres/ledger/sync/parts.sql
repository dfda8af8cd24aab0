-- What segue.keep_in_sync, segue.divergence and segue.stop_sync are made of.

-- `stem` with `name` behind it, cut to what a name may have, and still unlike
-- any other.
CREATE FUNCTION segue.sync_name(stem text, name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $segue$
DECLARE
    whole CONSTANT text := stem || name;
    cut text := whole;
BEGIN
    IF octet_length(whole) <= 63 THEN
        RETURN whole;
    END IF;
    WHILE octet_length(cut) > 54 LOOP
        cut := left(cut, -1);
    END LOOP;
    RETURN cut || '_' || left(md5(whole), 8);
END
$segue$;

-- A name as PL/pgSQL takes it, which reserves words that SQL does not.
CREATE FUNCTION segue.sync_ident(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = '' SET quote_all_identifiers = off AS $segue$
    SELECT CASE
        WHEN name IN ('begin', 'by', 'declare', 'execute', 'foreach', 'if', 'loop', 'strict', 'while')
        THEN '"' || name || '"' ELSE quote_ident(name)
    END
$segue$;

-- Whether an expression, as the catalogs keep it, may give something else each
-- time it is asked.
CREATE FUNCTION segue.sync_is_volatile(tree text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    SELECT tree ~ '\{(SQLVALUEFUNCTION|NEXTVALUEEXPR)' OR EXISTS (
        SELECT FROM regexp_matches(tree, ':(?:op|agg|win)?(?:funcid|fnoid) (\d+)', 'g') AS word (parts)
        JOIN pg_catalog.pg_proc AS p ON p.oid = word.parts[1]::oid
        WHERE p.provolatile = 'v'
            OR p.oid IN ('now()'::regprocedure, 'transaction_timestamp()'::regprocedure, 'statement_timestamp()'::regprocedure)
    )
$segue$;

-- SQL that says whether two values of a column's type differ, to the byte:
-- `=` calls 1.0 and 1.00 the same, 'a' and 'A' of citext too, and json has none.
CREATE FUNCTION segue.sync_differ(one text, other text, type oid, collation_of_column oid) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    SELECT CASE
        WHEN t.typtype = 'e' OR t.oid IN (
            'boolean'::regtype, 'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'oid'::regtype,
            'uuid'::regtype, 'bytea'::regtype, 'date'::regtype, 'time'::regtype, 'timestamp'::regtype,
            'timestamptz'::regtype
        ) OR t.oid IN ('text'::regtype, 'varchar'::regtype) AND (
            SELECT c.collisdeterministic FROM pg_catalog.pg_collation AS c WHERE c.oid = collation_of_column
        )
        THEN format('%s IS DISTINCT FROM %s', one, other)
        ELSE format('pg_catalog.record_image_ne(ROW(%s), ROW(%s))', one, other)
    END
    FROM pg_catalog.pg_type AS t WHERE t.oid = type
$segue$;

-- Reads an expression over the columns of a table. `sql` has every column with
-- the table's name before it and everything outside pg_catalog with its
-- namespace; `inputs` are the columns that it uses, sorted; `needs_path` says
-- that it calls a function whose body is looked up on the caller's search_path.
CREATE FUNCTION segue.sync_expression(
    relation regclass, target name, expression text, path text,
    OUT sql text, OUT inputs name[], OUT needs_path boolean
)
LANGUAGE plpgsql SET search_path = '' SET quote_all_identifiers = off AS $segue$
DECLARE
    place text;
    reader text;
    tree text;
    shown text;
    reason text;
    other text;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, 'segue_sync_' || c.oid)
    INTO place, reader
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = relation;
    -- A view for a moment: the server then says what the names mean.
    BEGIN
        PERFORM set_config('search_path', path, true);
        EXECUTE format(
            E'CREATE VIEW %s AS SELECT (%s\n) AS segue_sync_value FROM %s, (SELECT) AS segue_sync_row',
            reader, expression, place
        );
        PERFORM set_config('search_path', '', true);
        SELECT r.ev_action::text, pg_get_viewdef(r.ev_class) INTO tree, shown
        FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = reader::regclass AND r.rulename = '_RETURN';
        sql := (regexp_match(shown, '^\s*SELECT\s(.*)\sAS segue_sync_value\s+FROM '))[1];
        IF sql IS NULL THEN
            RAISE syntax_error USING MESSAGE = 'it is not one expression';
        END IF;
        -- Not run: whether SET takes it, with the conversion of an assignment.
        EXECUTE format('EXPLAIN UPDATE %s SET %I = (%s)', place, target, sql);
    EXCEPTION WHEN syntax_error_or_access_rule_violation OR feature_not_supported OR data_exception THEN
        RAISE EXCEPTION 'column "%" of % cannot have the value of "%": %', target, relation, expression, SQLERRM
            USING ERRCODE = SQLSTATE,
            HINT = 'Write an expression over the columns of the table whose type the column takes, as for UPDATE … SET.';
    END;
    SELECT array_agg(DISTINCT a.attname ORDER BY a.attname) INTO inputs
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND r.ev_class = reader::regclass
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = relation AND a.attnum > 0;
    SELECT min(c.relname) INTO other
    FROM pg_catalog.regexp_matches(tree, ':rtekind 0 :relid (\d+)', 'g') AS word (parts)
    JOIN pg_catalog.pg_class AS c ON c.oid = word.parts[1]::oid
    WHERE c.oid NOT IN (relation, reader::regclass);
    reason := CASE
        WHEN other IS NOT NULL THEN format('it reads "%s", and a write there would go unseen', other)
        WHEN (SELECT count(*) FROM regexp_matches(tree, format(':rtekind 0 :relid %s\M', relation::oid), 'g')) > 1
            THEN 'it reads other rows of the table, and a write to them would go unseen'
        WHEN tree ~ ':varattno -' OR tree ~ (SELECT format(':varattno 0 :vartype %s\M', c.reltype) FROM pg_catalog.pg_class AS c WHERE c.oid = relation) THEN 'it uses a whole row or a system column'
        WHEN segue.sync_is_volatile(tree) THEN 'it is volatile: it may give something else each time'
        WHEN inputs IS NULL THEN 'it uses no column of the table'
        WHEN target = ANY (inputs) THEN 'it uses that column itself'
        WHEN EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = relation AND a.attname = ANY (inputs) AND a.attgenerated <> ''
        ) THEN 'it uses a generated column, which has no value yet when triggers run: write out what it is generated from'
    END;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" of % cannot be kept equal to "%": %', target, relation, expression, reason
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use the columns of the row alone. A function that gives the same for the same values is to be declared IMMUTABLE, or STABLE.';
    END IF;
    needs_path := EXISTS (
        SELECT FROM regexp_matches(tree, ':(?:op|agg)?(?:funcid|fnoid) (\d+)', 'g') AS word (parts)
        JOIN pg_catalog.pg_proc AS p ON p.oid = word.parts[1]::oid
        JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace <> 'pg_catalog'::regnamespace
            AND l.lanname NOT IN ('internal', 'c')
            AND p.prosqlbody IS NULL
            AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting ~ '^search_path=')
    );
    EXECUTE format('DROP VIEW %s', reader);
END
$segue$;

-- SQL: whether a column of `row_name` still has what a row has that nobody has
-- filled.
CREATE FUNCTION segue.sync_blank(relation regclass, target name, row_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    SELECT CASE
        WHEN d.adbin IS NULL OR segue.sync_is_volatile(d.adbin::text) THEN format('%s IS NULL', named)
        ELSE format('(%s IS NULL OR NOT (%s))', named, segue.sync_differ(
            named, format('CAST((%s) AS %s)', pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)),
            a.atttypid, a.attcollation
        ))
    END
    FROM pg_catalog.pg_attribute AS a
    CROSS JOIN LATERAL (SELECT row_name || '.' || segue.sync_ident(a.attname)) AS of_row (named)
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND a.attname = target
$segue$;

-- What keeps a column in sync: the triggers' function and what it was made of,
-- as the function's first line says it. No row if nothing does.
CREATE FUNCTION segue.sync_of(
    relation regclass, target name,
    OUT routine oid, OUT made_of jsonb, OUT triggers name[]
)
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    SELECT p.oid, (regexp_match(p.prosrc, '^\s*-- segue\.keep_in_sync (\{[^\n]*\})'))[1]::jsonb,
        array_agg(t.tgname ORDER BY t.tgname)
    FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
    -- Those of a partition count as internal before version 15.
    WHERE t.tgrelid = relation
        AND (regexp_match(p.prosrc, '^\s*-- segue\.keep_in_sync (\{[^\n]*\})'))[1]::jsonb ->> 'column' = target
    GROUP BY p.oid
$segue$;

-- SQL: which rows of the table, under the name that the expression has for it,
-- are not in sync.
CREATE FUNCTION segue.sync_left(relation regclass, target name, OUT rows_from text, OUT is_left text, OUT repair text)
LANGUAGE plpgsql STABLE SET search_path = '' AS $segue$
DECLARE
    sync record;
    own record;
    back record;
    alias text;
    place text;
BEGIN
    SELECT * INTO sync FROM segue.sync_of(relation, target) AS of_column WHERE of_column.routine IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of % is not kept in sync', target, relation
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'segue.keep_in_sync makes the triggers that do.';
    END IF;
    SELECT format('%s%I.%I', CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, n.nspname, c.relname) INTO place
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = relation;
    SELECT a.atttypid, a.attcollation, format_type(a.atttypid, a.atttypmod) AS type INTO own
    FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = relation AND a.attname = target;
    alias := format('%I', sync.made_of ->> 'table');
    rows_from := format('%s AS %s', place, alias);
    is_left := segue.sync_differ(
        format('%s.%I', alias, target),
        format('CAST((%s) AS %s)', sync.made_of ->> 'expression', own.type),
        own.atttypid, own.attcollation
    );
    IF sync.made_of ->> 'back_column' IS NOT NULL THEN
        -- A value that new code has written counts as it is, also where the
        -- way there is not the way back.
        SELECT a.attname, a.atttypid, a.attcollation, format_type(a.atttypid, a.atttypmod) AS type INTO back
        FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = relation AND a.attname = sync.made_of ->> 'back_column';
        is_left := format(
            '(%s) AND (%s OR %s)', is_left, segue.sync_blank(relation, target, alias),
            segue.sync_differ(
                format('%s.%I', alias, back.attname),
                format('CAST((%s) AS %s)', sync.made_of ->> 'back_expression', back.type),
                back.atttypid, back.attcollation
            )
        );
    END IF;
    repair := format('UPDATE %s SET %I = %s WHERE %s', rows_from, target, sync.made_of ->> 'expression', is_left);
END
$segue$;
