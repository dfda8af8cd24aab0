SELECT pg_catalog.pg_backend_pid(),
       (SELECT pg_catalog.to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
          FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())),
       pg_catalog.current_setting('server_version_num'),
       pg_catalog.current_setting('segue.session', true)
