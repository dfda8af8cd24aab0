-- segue: no-txn
-- segue: rerunnable
CREATE TABLE filled (n int PRIMARY KEY);
CREATE PROCEDURE fill(low int, high int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN low..high LOOP
        INSERT INTO filled VALUES (i) ON CONFLICT DO NOTHING;
        COMMIT;
    END LOOP;
END $$;
CALL fill(1, 5);
INSERT INTO counter VALUES ('09 between');
DO $$
BEGIN
    CALL fill(6, 10);
    COMMIT;
END $$;
INSERT INTO counter VALUES ('09 last');
