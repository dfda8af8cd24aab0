-- `details` takes the place of `profile`: the same in another format. Whoever
-- writes one of them, the triggers write the other.
ALTER TABLE account ADD COLUMN details jsonb;

-- {"first": "Ada", "last": "Lovelace", "born": 1815} becomes
-- {"name": {"first": "Ada", "last": "Lovelace"}, "more": {"born": 1815}}.
-- Takes whatever `profile` can hold: it runs in the old code's statements, so
-- what it refused the old code could not write any more.
CREATE FUNCTION account_details(profile jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(profile)
        WHEN 'object' THEN (
            SELECT jsonb_build_object(
                'name', coalesce(jsonb_object_agg(key, value) FILTER (WHERE key IN ('first', 'last')), '{}'),
                'more', coalesce(jsonb_object_agg(key, value) FILTER (WHERE key NOT IN ('first', 'last')), '{}'))
              FROM jsonb_each(profile))
        ELSE profile
    END
$$;

-- The way back.
CREATE FUNCTION account_profile(details jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(details)
        WHEN 'object' THEN coalesce(details -> 'more', '{}') || coalesce(details -> 'name', '{}')
        ELSE details
    END
$$;

SELECT segue.keep_in_sync(
    'account',
    'details', 'account_details(profile)',
    'profile', 'account_profile(details)');

-- Nothing is lost on the way there, nor on the way back: the server holds each
-- write to it, and VALIDATE proves it of the rows that were there before.
ALTER TABLE account ADD CONSTRAINT account_formats CHECK (
    details IS NOT NULL
    AND details = account_details(profile)
    AND profile = account_profile(details)) NOT VALID;
