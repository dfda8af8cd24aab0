-- segue: begin-concurrent-migration-with: 10-partner.sql
INSERT INTO counter VALUES ('12 in the tail');
REFRESH MATERIALIZED VIEW CONCURRENTLY by_city;
ALTER TABLE visit VALIDATE CONSTRAINT note_is_short;
VACUUM ANALYZE person;
INSERT INTO counter VALUES ('12 last');
