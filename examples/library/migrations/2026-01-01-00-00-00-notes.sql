CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);
INSERT INTO notes (text) SELECT 'note ' || n FROM generate_series(1, 1000) AS n;
