SELECT pg_catalog.pg_backend_pid(),
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.set_config('idle_session_timeout', '0', false),
       pg_catalog.set_config('segue.session', pg_catalog.pg_backend_pid()::pg_catalog.text, false),
       :keepalives
