//! `integer` to `bigint`, under a key that other tables refer to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::worker::{Shift, Worker};
use super::{PATIENCE, Story, all_at_once, kill_in_backfill};
use crate::support::{TestDatabase, server_runtime};

#[path = "../../../examples/int-to-bigint/shop.rs"]
mod shop;

use shop::Code::{Either, Narrow, Wide};
use shop::{Code, Shop};

const FILL_ORDERS: &str = "2026-06-01-10-01-00-fill-orders.sql";
const FILL_LINES: &str = "2026-06-01-10-02-00-fill-order-lines.sql";

/// Orders that are there before the story begins.
const OLD_ORDERS: i64 = 6000;

/// Half of them have small numbers, the others come after a gap of millions;
/// new ones are near the end of what 32 bits can hold.
const OLD: &str = "
    INSERT INTO orders (id, customer)
    SELECT CASE WHEN i <= 3000 THEN i ELSE 2147000000 + i END, 'old' FROM generate_series(1, 6000) AS i;
    INSERT INTO order_line SELECT id, line, 'tea', line FROM orders, generate_series(1, 2) AS line;
    INSERT INTO payment (order_id, amount) SELECT id, 1 FROM orders;
    ALTER TABLE orders ALTER COLUMN id RESTART WITH 2147400000;";

/// What the shop has promised: its orders, by number, with the quantities of
/// their lines; and how many were taken back.
#[derive(Debug, Default)]
struct Book {
    orders: BTreeMap<i64, Vec<i32>>,
    cancelled: u64,
}

impl Book {
    /// The old orders of one of two.
    fn old(half: i64) -> Self {
        let numbers = (1..=OLD_ORDERS)
            .filter(|i| i % 2 == half)
            .map(|i| if i <= 3000 { i } else { 2_147_000_000 + i });
        Self {
            orders: numbers.map(|number| (number, vec![1, 2])).collect(),
            cancelled: 0,
        }
    }

    /// One of its orders.
    fn any(&self, random: &mut fastrand::Rng) -> Option<i64> {
        let from = random.usize(..self.orders.len().max(1));
        self.orders.keys().nth(from).copied()
    }

    fn taken_over(mut self, other: Self) -> Self {
        self.orders.extend(other.orders);
        self.cancelled += other.cancelled;
        self
    }
}

/// A server of the shop with that code goes on with a book.
fn opens(url: String, code: Code, book: Book) -> Worker<Book> {
    Worker::start(move |shift| serve(url, code, book, shift))
}

async fn serve(url: String, code: Code, mut book: Book, shift: Shift) -> Book {
    let mut random = fastrand::Rng::new();
    let shop = Shop::open(&url, code).await;
    let mut shop = shop.unwrap_or_else(|error| panic!("{code:?}: {error:?}"));
    while shift.goes_on() {
        if let Err(error) = trade(&mut shop, &mut book, &mut random).await {
            panic!("{code:?}: {error:?}");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    book
}

/// A new order, and something with one that is there.
async fn trade(
    shop: &mut Shop,
    book: &mut Book,
    random: &mut fastrand::Rng,
) -> Result<(), tokio_postgres::Error> {
    let quantities = vec![random.i32(1..100), random.i32(1..100)];
    let number = shop.order("new", &quantities).await?;
    book.orders.insert(number, quantities);
    let Some(number) = book.any(random) else {
        return Ok(());
    };
    match random.u8(..3) {
        0 => {
            let (line, quantity) = (random.usize(..2), random.i32(1..100));
            let place = i32::try_from(line).expect("1 or 2") + 1;
            assert_eq!(shop.change(number, place, quantity).await?, 1, "{number}");
            book.orders.get_mut(&number).expect("it is there")[line] = quantity;
        }
        1 => {
            assert_eq!(shop.cancel(number).await?, 1, "{number}");
            book.orders.remove(&number);
            book.cancelled += 1;
        }
        _ => assert_eq!(shop.look(number).await?, book.orders[&number], "{number}"),
    }
    Ok(())
}

/// The book as the database has it.
fn audited(database: &TestDatabase<'_>) -> Book {
    let lines = database.query(
        "SELECT orders.id, string_agg(quantity::text, ',' ORDER BY line)
           FROM orders LEFT JOIN order_line ON order_id = orders.id GROUP BY orders.id",
    );
    let orders = lines.lines().map(|row| {
        let (number, quantities) = row.split_once('|').expect("two columns");
        let quantities = quantities
            .split(',')
            .map(|one| one.parse().expect("a number"));
        (number.parse().expect("a number"), quantities.collect())
    });
    let cancelled = database.query("SELECT count(*) FROM payment WHERE order_id IS NULL");
    Book {
        orders: orders.collect(),
        cancelled: cancelled.parse().expect("a number"),
    }
}

/// The story; with `killed`, a file in whose backfill the run is killed.
fn told(killed: Option<&str>) {
    let database = TestDatabase::new();
    let url = database.url();
    let story = Story::begin("int-to-bigint", &database);
    story.merge("2026-01-12");
    story.project.segue(&["up"]).expect_success();
    database.run(OLD);
    let first = opens(url.clone(), Narrow, Book::old(0));
    let second = opens(url.clone(), Narrow, Book::old(1));
    first.does(20);

    // Deployment 1: the wide numbers beside the narrow ones.
    story.merge("2026-06-01");
    let run = story.deploy();
    let third = opens(url.clone(), Either, second.stop());
    if let Some(file) = killed {
        kill_in_backfill(run, &database, file);
        first.does(10);
        story.project.segue(&["settle"]).expect_success();
    } else {
        run.wait_within(PATIENCE).expect_success();
    }
    first.does(20);
    third.does(20);
    assert_eq!(
        database.query(
            "SELECT segue.divergence('orders', 'id_wide'),
                    segue.divergence('order_line', 'order_id_wide'),
                    segue.divergence('payment', 'order_id_wide')"
        ),
        "0|0|0"
    );
    // The first code is gone, but for a connection that somebody forgot.
    let forgotten = server_runtime().block_on(Shop::open(&url, Narrow));
    let forgotten = forgotten.expect("it opens");
    server_runtime()
        .block_on(forgotten.look(1))
        .expect("it still works");
    let fourth = opens(url.clone(), Either, first.stop());

    // Deployment 2: they change places.
    story.merge("2026-06-22");
    let run = story.deploy();
    let fifth = opens(url.clone(), Wide, third.stop());
    run.wait_within(PATIENCE).expect_success();
    fourth.does(20);
    fifth.does(20);
    let error = server_runtime()
        .block_on(forgotten.look(1))
        .expect_err("it is too old");
    // "cached plan must not change result type"
    assert_eq!(
        error.code().expect("the server's").code(),
        "0A000",
        "{error:?}"
    );
    drop(forgotten);

    // Years later there are more orders than 32 bits can count.
    database.run("SELECT setval('orders_id_seq', 2147483600)");
    fourth.does(60);
    fifth.does(60);
    let book = fourth.stop().taken_over(fifth.stop());
    let audited = audited(&database);
    assert_eq!(audited.orders, book.orders);
    assert_eq!(audited.cancelled, book.cancelled);
    let last = book.orders.keys().last().expect("an order");
    assert!(*last > i64::from(i32::MAX), "{last}");
    is_told_to_the_end(&story, &database);
}

/// Nothing is left of the narrow numbers, nor to be done.
fn is_told_to_the_end(story: &Story, database: &TestDatabase<'_>) {
    assert_eq!(
        database.query(
            "SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull
               FROM pg_attribute
              WHERE attrelid IN ('orders'::regclass, 'order_line'::regclass, 'payment'::regclass)
                AND attnum > 0 AND NOT attisdropped AND attname LIKE '%id%' ORDER BY attrelid::regclass::text, attname"
        ),
        "order_line|order_id|bigint|t\norders|id|bigint|t\npayment|id|bigint|t\npayment|order_id|bigint|f"
    );
    assert_eq!(
        database.query(
            "SELECT conname, convalidated FROM pg_constraint
              WHERE contype IN ('p', 'f', 'c') AND connamespace = 'public'::regnamespace ORDER BY 1"
        ),
        "order_line_order_id_fkey|t\norder_line_pkey|t\norders_pkey|t\n\
         payment_order_id_fkey|t\npayment_pkey|t"
    );
    assert_eq!(
        database.query(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz_segue%'),
                    (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)"
        ),
        "0|0"
    );
    let run = story.project.segue(&["up"]);
    run.expect_success();
    assert!(run.stderr.contains("nothing is pending"), "{}", run.stderr);
}

#[test]
fn nobody_is_interrupted_and_no_order_is_lost() {
    told(None);
}

#[test]
fn a_run_killed_in_the_backfill_of_the_orders_is_taken_up() {
    told(Some(FILL_ORDERS));
}

#[test]
fn a_run_killed_in_the_backfill_of_a_key_of_two_columns_is_taken_up() {
    told(Some(FILL_LINES));
}

#[test]
fn the_whole_example_all_at_once() {
    let (database, story) = all_at_once("int-to-bigint");
    story.project.segue(&["up"]).expect_success();
    is_told_to_the_end(&story, &database);
}

#[test]
fn the_example_passes_the_check() {
    let (_database, story) = all_at_once("int-to-bigint");
    story.passes_the_check();
}

#[test]
fn the_swap_reads_no_row() {
    let database = TestDatabase::new();
    let story = Story::begin("int-to-bigint", &database);
    story.merge("2026-01-12");
    story.project.segue(&["up"]).expect_success();
    database.run(OLD);
    story.merge("2026-06-01");
    story.project.segue(&["up"]).expect_success();
    let swap = std::fs::read_to_string(story.folder().join("2026-06-22-10-00-00-swap.sql"));
    let swap = swap.expect("the swap");
    let scans = |swap: &str| {
        let session = database.session();
        session.run(&format!("BEGIN; {swap}"));
        session.query(
            "SELECT pg_stat_get_xact_numscans('orders'::regclass),
                    pg_stat_get_xact_numscans('order_line'::regclass),
                    pg_stat_get_xact_numscans('payment'::regclass)",
        )
    };
    assert_eq!(scans(&swap), "0|0|0");
    // What it costs without the constraint.
    let without = "ALTER TABLE orders DROP CONSTRAINT orders_id_wide_check;";
    assert_eq!(scans(&format!("{without}{swap}")), "1|0|0");
}
