-- segue: schema-version: 1.0.0
CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    is_done boolean NOT NULL DEFAULT false
);
