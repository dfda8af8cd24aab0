-- segue: begin-concurrent-migration-with: 07-partner.sql
INSERT INTO counter VALUES ('09 in the tail');
REFRESH MATERIALIZED VIEW CONCURRENTLY by_city;
ALTER TABLE visit VALIDATE CONSTRAINT note_is_short;
VACUUM ANALYZE person;
INSERT INTO counter VALUES ('09 last');
