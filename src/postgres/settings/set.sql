-- Who may set the others is known only before it acts as somebody else.
SELECT name, value
  FROM (SELECT 1, s.name, pg_catalog.current_setting(s.name)
          FROM pg_catalog.pg_settings s
         WHERE s.source = 'session' AND s.context IN ('user', 'superuser') AND s.name <> 'client_encoding'
        UNION ALL
        SELECT 2, 'session_authorization', session_user::pg_catalog.text
        UNION ALL
        SELECT 3, 'role', pg_catalog.current_setting('role')
         WHERE pg_catalog.current_setting('role') <> 'none') settings (place, name, value)
 ORDER BY place, name
