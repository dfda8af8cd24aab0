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
            -- The time, and the session: the same only within a statement.
            OR p.pronamespace = 'pg_catalog'::regnamespace AND (
                p.proname IN (
                    'now', 'transaction_timestamp', 'statement_timestamp', 'current_setting', 'current_schema', 'current_schemas',
                    'pg_backend_pid', 'inet_client_addr', 'inet_client_port'
                )
                OR p.proname = 'age' AND p.pronargs = 1
            )
    )
$segue$;

-- What a domain is made of, any other type itself; `shown` as SQL has it.
CREATE FUNCTION segue.sync_base(type oid, typmod integer, OUT base oid, OUT shown text)
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    WITH RECURSIVE made_of (type, typmod) AS (
        SELECT $1, $2
        UNION ALL
        SELECT t.typbasetype, t.typtypmod
        FROM made_of AS m JOIN pg_catalog.pg_type AS t ON t.oid = m.type
        WHERE t.typtype = 'd'
    )
    SELECT m.type, format_type(m.type, m.typmod)
    FROM made_of AS m JOIN pg_catalog.pg_type AS t ON t.oid = m.type
    WHERE t.typtype <> 'd'
$segue$;

-- Whether an error is about others or the state of the server: the same may
-- succeed in a moment, and no row is to blame.
CREATE FUNCTION segue.sync_server_errors() RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $segue$
    SELECT '^(08|40|53|57|58|F0|HV|25006|55006|55P03|55P04)'::text
$segue$;

-- SQL that says whether two values of a column's type differ, to the byte:
-- `=` calls 1.0 and 1.00 the same, 'a' and 'A' of citext too, and json has none.
CREATE FUNCTION segue.sync_differ(one text, other text, type oid, collation_of_column oid) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    SELECT CASE
        WHEN t.oid IN (
            'boolean'::regtype, 'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'oid'::regtype,
            'uuid'::regtype, 'bytea'::regtype, 'date'::regtype, 'time'::regtype, 'timestamp'::regtype,
            'timestamptz'::regtype
        ) OR t.oid IN ('text'::regtype, 'varchar'::regtype) AND (
            SELECT c.collisdeterministic FROM pg_catalog.pg_collation AS c WHERE c.oid = collation_of_column
        )
        THEN format('%s IS DISTINCT FROM %s', one, other)
        -- Of two domains over a type it says that they are not alike.
        WHEN t.oid <> type
        THEN format('pg_catalog.record_image_ne(ROW(CAST(%s AS %s)), ROW(CAST(%s AS %2$s)))', one, b.shown, other)
        ELSE format('pg_catalog.record_image_ne(ROW(%s), ROW(%s))', one, other)
    END
    FROM segue.sync_base(type, -1) AS b JOIN pg_catalog.pg_type AS t ON t.oid = b.base
$segue$;

-- An expression as the server has understood it, so that it means the same
-- under any settings: everything outside pg_catalog with its namespace.
CREATE FUNCTION segue.sync_shown(reader oid) RETURNS text
LANGUAGE sql STABLE SET search_path = '' SET quote_all_identifiers = off
SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET bytea_output = 'hex' SET standard_conforming_strings = on AS $segue$
    SELECT (regexp_match(pg_get_viewdef(reader), '^\s*SELECT\s(.*)\sAS segue_sync_value\s+FROM '))[1]
$segue$;

-- Every function that a tree calls, also by way of operators, aggregates and
-- bodies that the server has read already, outside pg_catalog.
CREATE FUNCTION segue.sync_functions(tree text) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    WITH RECURSIVE called (routine, tree) AS (
        SELECT NULL::oid, $1 COLLATE "C"
        UNION
        SELECT p.oid, concat_ws(' ', p.prosqlbody::text COLLATE "C", (
            SELECT format(':funcid %s :funcid %s :funcid %s', a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid)
            FROM pg_catalog.pg_aggregate AS a WHERE a.aggfnoid = p.oid
        ))
        FROM called AS c
        CROSS JOIN LATERAL regexp_matches(c.tree, ':(?:op|agg|win)?(?:funcid|fnoid) (\d+)', 'g') AS word (parts)
        JOIN pg_catalog.pg_proc AS p ON p.oid = word.parts[1]::oid
        WHERE p.pronamespace <> 'pg_catalog'::regnamespace
    )
    SELECT c.routine FROM called AS c WHERE c.routine IS NOT NULL
$segue$;

-- Reads an expression over the columns of a table. `sql` has every column with
-- the table's name before it and everything outside pg_catalog with its
-- namespace; `inputs` are the columns that it uses, sorted; `needs_path` says
-- that it calls a function whose body is looked up on the caller's search_path,
-- `is_vague` that another function or operator, made later, could fit it better,
-- and `needs_times` that the settings for dates and times may be asked.
CREATE FUNCTION segue.sync_expression(
    relation regclass, target name, expression text, path text,
    OUT sql text, OUT inputs name[], OUT needs_path boolean, OUT is_vague boolean, OUT needs_times boolean
)
LANGUAGE plpgsql SET search_path = '' SET quote_all_identifiers = off SET standard_conforming_strings = on AS $segue$
DECLARE
    place text;
    reader text;
    tree text;
    reason text;
    other text;
    is_converted boolean;
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
        SELECT r.ev_action::text, segue.sync_shown(r.ev_class) INTO tree, sql
        FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = reader::regclass AND r.rulename = '_RETURN';
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
    -- A domain's checks are run by the assignment.
    SELECT concat_ws(' ', tree, string_agg(c.conbin::text, ' ')) INTO other
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_constraint AS c ON c.contypid = a.atttypid
    WHERE a.attrelid = relation AND a.attname = ANY (inputs || target) AND a.attnum > 0;
    needs_path := EXISTS (
        SELECT FROM segue.sync_functions(other) AS called
        JOIN pg_catalog.pg_proc AS p ON p.oid = called
        JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE l.lanname NOT IN ('internal', 'c')
            AND p.prosqlbody IS NULL
            AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting ~ '^search_path=')
    );
    -- Conversions are written out, so what takes its arguments' own types is
    -- found first in pg_catalog; what takes any type is not.
    is_vague := EXISTS (
        SELECT FROM regexp_matches(tree, ':(?:op|agg|win)?(?:funcid|fnoid) (\d+)', 'g') AS word (parts)
        JOIN pg_catalog.pg_proc AS p ON p.oid = word.parts[1]::oid
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND (p.provariadic <> 0 OR EXISTS (
            SELECT FROM unnest(p.proargtypes) AS one JOIN pg_catalog.pg_type AS t ON t.oid = one WHERE t.typtype = 'p'
        ))
    );
    SELECT v.atttypid <> a.atttypid INTO is_converted
    FROM pg_catalog.pg_attribute AS v, pg_catalog.pg_attribute AS a
    WHERE v.attrelid = reader::regclass AND v.attname = 'segue_sync_value' AND a.attrelid = relation AND a.attname = target;
    needs_times := (
        is_converted OR tree ~ '\{COERCEVIAIO' OR EXISTS (
            SELECT FROM regexp_matches(tree, ':(?:op|agg|win)?(?:funcid|fnoid|elemfuncid) (\d+)', 'g') AS word (parts)
            JOIN pg_catalog.pg_proc AS p ON p.oid = word.parts[1]::oid
            WHERE p.provolatile = 's'
        )
    ) AND EXISTS (
        SELECT FROM (
            SELECT word.parts[1]::oid AS type FROM regexp_matches(tree, ':\w*type(?:id)? (\d+)', 'g') AS word (parts)
            UNION SELECT a.atttypid FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = relation AND a.attname = target
        ) AS used
        CROSS JOIN LATERAL segue.sync_base(used.type, -1) AS b
        JOIN pg_catalog.pg_type AS t ON t.oid = b.base
        LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
        JOIN pg_catalog.pg_type AS one ON one.oid IN (t.oid, t.typelem, r.rngsubtype)
        WHERE one.typcategory IN ('D', 'T')
    );
    EXECUTE format('DROP VIEW %s', reader);
END
$segue$;

-- What a row has in a column that nobody has given, as SQL: the column's
-- default, or its domain's. Null if that is a null, or another value each time.
CREATE FUNCTION segue.sync_preset(relation regclass, target name) RETURNS text
LANGUAGE sql STABLE SET search_path = '' SET quote_all_identifiers = off
SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET bytea_output = 'hex' SET standard_conforming_strings = on AS $segue$
    SELECT CASE WHEN NOT segue.sync_is_volatile(coalesce(d.adbin, t.typdefaultbin)::text)
        THEN coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0)) END
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND a.attname = target
$segue$;

-- SQL: whether a column of `row_name` still has what a row has that nobody has
-- filled.
CREATE FUNCTION segue.sync_blank(relation regclass, target name, row_name text, preset text) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    SELECT CASE
        WHEN preset IS NULL THEN format('%s IS NOT DISTINCT FROM NULL', named)
        ELSE format('(%s IS NOT DISTINCT FROM NULL OR NOT (%s))', named, segue.sync_differ(
            named, format('CAST((%s) AS %s)', preset, b.shown), a.atttypid, a.attcollation
        ))
    END
    FROM pg_catalog.pg_attribute AS a
    CROSS JOIN LATERAL segue.sync_base(a.atttypid, a.atttypmod) AS b
    CROSS JOIN LATERAL (SELECT row_name || '.' || segue.sync_ident(a.attname)) AS of_row (named)
    WHERE a.attrelid = relation AND a.attname = target
$segue$;

-- A table, its partitions and those that inherit from it, at any depth; it
-- comes first.
CREATE FUNCTION segue.sync_kin(relation regclass) RETURNS TABLE (kin regclass, relkind "char")
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    WITH RECURSIVE kin (oid, depth) AS (
        SELECT $1::oid, 0
        UNION
        SELECT i.inhrelid, k.depth + 1 FROM kin AS k JOIN pg_catalog.pg_inherits AS i ON i.inhparent = k.oid
    )
    SELECT k.oid::regclass, c.relkind
    FROM kin AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.oid
    GROUP BY k.oid, c.relkind ORDER BY min(k.depth), k.oid
$segue$;

-- What keeps a column in sync: the triggers' function and what it was made of,
-- as the function's first line says it. No row if nothing does. Whoever may
-- make triggers on a table could write such a line too, so the function has to
-- belong to somebody who may do as the table's owner.
CREATE FUNCTION segue.sync_of(
    relation regclass, target name,
    OUT routine oid, OUT made_of jsonb, OUT triggers name[]
)
LANGUAGE sql STABLE SET search_path = '' AS $segue$
    SELECT ours.routine, ours.line::jsonb, ours.triggers
    FROM (
        SELECT p.oid, (regexp_match(p.prosrc, '^\s*-- segue\.keep_in_sync (\{[^\n]*\})'))[1],
            array_agg(t.tgname ORDER BY t.tgname)
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        -- Those of a partition count as internal before version 15.
        WHERE t.tgrelid = relation AND t.tgname LIKE 'zz\_segue\_sync\_%'
            AND pg_has_role(p.proowner, c.relowner, 'MEMBER')
        GROUP BY p.oid OFFSET 0
    ) AS ours (routine, line, triggers)
    WHERE ours.line::jsonb ->> 'column' = target
$segue$;

-- Fails where nothing keeps the column in sync.
CREATE FUNCTION segue.sync_known(
    relation regclass, target name,
    OUT routine oid, OUT made_of jsonb, OUT triggers name[]
)
LANGUAGE plpgsql STABLE SET search_path = '' AS $segue$
DECLARE
    owners text;
BEGIN
    SELECT of_column.* INTO routine, made_of, triggers
    FROM segue.sync_of(relation, target) AS of_column WHERE of_column.routine IS NOT NULL;
    IF NOT FOUND THEN
        SELECT string_agg(DISTINCT p.oid::regprocedure || ' of ' || p.proowner::regrole, ', ') INTO owners
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        WHERE t.tgrelid = relation AND t.tgname LIKE 'zz\_segue\_sync\_%'
            AND NOT pg_has_role(p.proowner, c.relowner, 'MEMBER');
        RAISE EXCEPTION 'column "%" of % is not kept in sync', target, relation
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = coalesce(
                CASE WHEN owners IS NOT NULL THEN format('Not believed, since its owner is not the table''s: %s. If it is what it should be, ALTER FUNCTION … OWNER TO the table''s.', owners) END,
                'segue.keep_in_sync makes the triggers that do.'
            );
    END IF;
END
$segue$;

-- SQL: which rows of the table, under the name that the expression has for it,
-- are not in sync; which have another value than the expression gives though
-- the way back gives what is there, where that may be a write that was missed;
-- and the settings that the triggers have.
CREATE FUNCTION segue.sync_left(
    relation regclass, target name,
    OUT rows_from text, OUT is_left text, OUT may_be_left text, OUT repair text, OUT settings text[]
)
LANGUAGE plpgsql STABLE SET search_path = '' AS $segue$
DECLARE
    sync record;
    author record;
    own record;
    back record;
    alias text;
    place text;
    gone text;
    differs text;
    differs_back text;
    blank text;
BEGIN
    sync := segue.sync_known(relation, target);
    -- Whoever reads rows with an expression runs it with all that he may.
    SELECT p.proowner::regrole::text AS name, p.oid::regprocedure::text AS routine, p.proconfig,
        r.rolsuper OR p.proowner = me.oid OR NOT me.rolsuper AND pg_has_role(p.proowner, 'MEMBER') AS is_trusted
    INTO author
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_roles AS r ON r.oid = p.proowner
    JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
    WHERE p.oid = sync.routine;
    IF NOT coalesce(author.is_trusted, false) THEN
        RAISE EXCEPTION 'the expression of column "%" of % is %''s, and would run with the rights of %', target, relation, author.name, current_user
            USING ERRCODE = 'insufficient_privilege',
            DETAIL = sync.made_of ->> 'expression',
            HINT = format('Let %1$s call this; or look at function %2$s, and if you would have written it, ALTER FUNCTION %2$s OWNER TO CURRENT_USER. segue.stop_sync(…, prove => false) runs nothing.', author.name, author.routine);
    END IF;
    settings := author.proconfig;

    SELECT string_agg(DISTINCT format('"%s"', one), ', ') INTO gone
    FROM (
        SELECT jsonb_array_elements_text(sync.made_of -> 'inputs')
        UNION ALL VALUES (target::text), (sync.made_of ->> 'back_column')
    ) AS named (one)
    WHERE one IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = one AND a.attnum > 0 AND NOT a.attisdropped
    );
    IF gone IS NOT NULL THEN
        RAISE EXCEPTION '% has no column % any more, which "%" is kept in sync by', relation, gone, target
            USING ERRCODE = 'undefined_column',
            HINT = format('Was it renamed? Give it its name again, or SELECT segue.stop_sync(%L, %L, prove => false); and call segue.keep_in_sync anew.', relation, target);
    END IF;

    -- Rows of children by inheritance count too: one that came later has no
    -- triggers.
    SELECT format('%I.%I', n.nspname, c.relname) INTO place
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = relation;
    SELECT a.atttypid, a.attcollation, b.shown AS type INTO own
    FROM pg_catalog.pg_attribute AS a CROSS JOIN LATERAL segue.sync_base(a.atttypid, a.atttypmod) AS b
    WHERE a.attrelid = relation AND a.attname = target;
    alias := format('%I', sync.made_of ->> 'table');
    rows_from := format('%s AS %s', place, alias);
    differs := segue.sync_differ(
        format('%s.%I', alias, target),
        format('CAST((%s) AS %s)', sync.made_of ->> 'expression', own.type),
        own.atttypid, own.attcollation
    );
    is_left := differs;
    IF sync.made_of ->> 'back_column' IS NOT NULL THEN
        -- A value that new code has written counts as it is, also where the
        -- way there is not the way back.
        SELECT a.attname, a.atttypid, a.attcollation, b.shown AS type INTO back
        FROM pg_catalog.pg_attribute AS a CROSS JOIN LATERAL segue.sync_base(a.atttypid, a.atttypmod) AS b
        WHERE a.attrelid = relation AND a.attname = sync.made_of ->> 'back_column';
        differs_back := segue.sync_differ(
            format('%s.%I', alias, back.attname),
            format('CAST((%s) AS %s)', sync.made_of ->> 'back_expression', back.type),
            back.atttypid, back.attcollation
        );
        blank := segue.sync_blank(relation, target, alias, sync.made_of ->> 'preset');
        is_left := format('(%s) AND (%s OR %s)', differs, blank, differs_back);
        -- Of what else the expression uses the way back says nothing.
        IF EXISTS (
            SELECT FROM jsonb_array_elements_text(sync.made_of -> 'inputs') AS one
            WHERE one NOT IN (target, sync.made_of ->> 'back_column')
        ) THEN
            may_be_left := format('(%s) AND NOT (%s OR %s)', differs, blank, differs_back);
        END IF;
    END IF;
    repair := format('UPDATE %s SET %I = %s WHERE %s', rows_from, target, sync.made_of ->> 'expression', is_left);
END
$segue$;
