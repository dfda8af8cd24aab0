CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- {"first": "Ada", "last": "Lovelace", …}
    profile jsonb NOT NULL,
    -- One more with each write.
    revision bigint NOT NULL DEFAULT 1
);
