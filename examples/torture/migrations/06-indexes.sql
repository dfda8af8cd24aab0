-- segue: no-txn
CREATE INDEX CONCURRENTLY person_name ON person (name);
INSERT INTO counter VALUES ('06 between');
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS person_id_name ON person (id, name);
DROP INDEX CONCURRENTLY person_born;
INSERT INTO counter VALUES ('06 last');
