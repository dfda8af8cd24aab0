CREATE TABLE person (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);
INSERT INTO person (name)
SELECT 'customer ' || i FROM generate_series(1, 1000) AS i;
