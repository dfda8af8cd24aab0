-- segue: no-txn
INSERT INTO counter VALUES ('03 alone');
UPDATE person SET rank = rank + 1;
BEGIN;
INSERT INTO counter VALUES ('03 in a transaction of the file');
UPDATE person SET rank = rank + 1;
CREATE TABLE made_in_a_transaction (a int);
COMMIT;
SET search_path = public, pg_catalog;
INSERT INTO counter VALUES ('03 after SET');
COPY made_in_a_transaction FROM stdin;
1
2
\.
BEGIN;
INSERT INTO counter VALUES ('03 rolled back');
ROLLBACK;
VACUUM person;
ANALYZE visit;
ALTER TYPE mood ADD VALUE 'calm';
INSERT INTO counter VALUES ('03 last');
