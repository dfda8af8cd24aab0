-- The first block: a row in `counter` for each statement that has taken effect,
-- so that one applied twice, or not at all, shows.
CREATE TABLE counter (what text NOT NULL);
CREATE TABLE person (
    id int PRIMARY KEY,
    name text NOT NULL,
    city text,
    born date
);
CREATE TABLE visit (person int NOT NULL REFERENCES person, day date NOT NULL, note text);
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE FUNCTION count_it(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO counter VALUES ($1) $$;
INSERT INTO counter VALUES ('01 first');
INSERT INTO counter VALUES ('01 second');
SELECT count_it('01 third');
COPY person (id, name, city, born) FROM stdin;
1	Ada	London	1815-12-10
2	Grace	New York	1906-12-09
3	Barbara	\N	1939-11-07
\.
