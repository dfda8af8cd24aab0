//! Time to ready with an index of three million rows in the tail.

use std::time::SystemTime;

use crate::stage::{Stage, timed};
use crate::table::{Section, Series};
use crate::wake::last_ready;

const ROWS: usize = 3_000_000;
const ROUNDS: usize = 5;

const TABLE: &str = "CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now())";
const COLUMN: &str = "ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'placed';\n";
const INDEX: &str = "-- segue: begin-concurrent-migration-with: 000002-column.sql
CREATE INDEX CONCURRENTLY orders_by_state ON orders (state, email, placed_at);
";

pub fn measure(stage: &Stage) -> Vec<Section> {
    let before = stage.folder("before");
    let after = stage.folder("after");
    for folder in [&before, &after] {
        std::fs::write(folder.join("000001-orders.sql"), format!("{TABLE};\n")).expect("a file");
    }
    std::fs::write(after.join("000002-column.sql"), COLUMN).expect("a file");
    std::fs::write(after.join("000003-index.sql"), INDEX).expect("a file");

    let mut rows = Vec::new();
    let mut plain = Series::default();
    for number in [0, ROWS] {
        let template = stage.database("orders_template", "template0");
        timed(template.segue(&before, &["up"]));
        template.sql(&format!(
            "INSERT INTO orders (email) SELECT 'customer' || i * 7919::bigint % 250000 || '@example.org' FROM generate_series(1, {number}) AS i"
        ));
        template.sql("VACUUM (ANALYZE) orders");
        let (mut ready, mut batch, mut settled) =
            (Series::default(), Series::default(), Series::default());
        for _ in 0..ROUNDS {
            let database = stage.database("orders", "orders_template");
            let began = SystemTime::now();
            settled.push(timed(database.segue(&after, &["up"])));
            ready.push(last_ready(&database).duration_since(began).expect("later"));
            let micros = database.sql(
                "SELECT (1000000 * extract(epoch FROM ready_at - started_at))::bigint FROM segue.deployment ORDER BY id DESC LIMIT 1",
            );
            let micros = micros.parse().expect("microseconds");
            batch.push(std::time::Duration::from_micros(micros));

            let database = stage.database("orders", "orders_template");
            plain.push(timed(database.psql(&["-1", "-c", COLUMN])));
        }
        rows.push(vec![
            number.to_string(),
            ready.show(),
            batch.show(),
            settled.show(),
            plain.show(),
        ]);
        plain = Series::default();
    }
    for name in ["orders", "orders_template"] {
        stage.drop(name);
    }
    vec![Section {
        title: "Time to ready with an index in the tail",
        text: "`ALTER TABLE … ADD COLUMN` in the batch, `CREATE INDEX CONCURRENTLY` over three columns in the tail.\nReady and settled count from the start of the process; the batch from its row in the ledger until\nready. psql runs the `ALTER TABLE` alone."
            .to_owned(),
        columns: vec!["rows", "ready", "of that the batch", "settled", "psql, without the index"],
        rows,
    }]
}
