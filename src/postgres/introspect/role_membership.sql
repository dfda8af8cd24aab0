-- By all grantors together.
SELECT m.member AS oid, 'member_of' AS part, pg_catalog.pg_get_userbyid(m.roleid) AS key,
    CASE WHEN pg_catalog.bool_or(m.admin_option) THEN 'true' END AS "admin:json"
--@16     , CASE WHEN NOT pg_catalog.bool_or(m.inherit_option) THEN 'false' END AS "inherit:json",
--@16     CASE WHEN NOT pg_catalog.bool_or(m.set_option) THEN 'false' END AS "set:json"
FROM pg_catalog.pg_auth_members AS m
WHERE $only(m.member) AND m.member >= 16384
GROUP BY m.member, m.roleid
