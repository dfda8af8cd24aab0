//! The application, in the three versions that the story needs. They differ in
//! how wide they believe an order's number to be, and in nothing else.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls, Row, Statement};

/// Which code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The first one: numbers have 32 bits, in the database and here.
    Narrow,
    /// The one for between: 64 bits here, and a cast wherever a number goes to
    /// the database or comes from it, so that the column may have either type.
    Either,
    /// The last one: 64 bits everywhere.
    Wide,
}

impl Code {
    /// What stands behind a number in SQL.
    fn cast(self) -> &'static str {
        match self {
            Self::Either => "::bigint",
            Self::Narrow | Self::Wide => "",
        }
    }

    fn number(self, number: i64) -> Box<dyn ToSql + Sync + Send> {
        match self {
            Self::Narrow => Box::new(i32::try_from(number).expect("32 bits")),
            Self::Either | Self::Wide => Box::new(number),
        }
    }

    fn read(self, row: &Row) -> Result<i64, Error> {
        match self {
            Self::Narrow => row.try_get::<_, i32>(0).map(i64::from),
            Self::Either | Self::Wide => row.try_get(0),
        }
    }
}

/// A server of the shop: one connection, on which each statement is prepared
/// once, as drivers do it.
pub struct Shop {
    code: Code,
    client: Client,
    order: Statement,
    line: Statement,
    pay: Statement,
    look: Statement,
    change: Statement,
    cancel: Statement,
}

impl Shop {
    /// Opens.
    ///
    /// # Errors
    /// The server's.
    pub async fn open(url: &str, code: Code) -> Result<Self, Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        // Nobody waits for longer in this shop.
        client
            .batch_execute("SET statement_timeout = '10s'")
            .await?;
        let cast = code.cast();
        let prepare = async |sql: &str| client.prepare(&sql.replace("{}", cast)).await;
        Ok(Self {
            code,
            order: prepare("INSERT INTO orders (customer) VALUES ($1) RETURNING id{}").await?,
            line: prepare(
                "INSERT INTO order_line (order_id, line, article, quantity)
                 VALUES ($1{}, $2, 'tea', $3)",
            )
            .await?,
            pay: prepare("INSERT INTO payment (order_id, amount) VALUES ($1{}, 1)").await?,
            look: prepare(
                "SELECT orders.id{}, quantity FROM orders JOIN order_line ON order_id = orders.id
                  WHERE orders.id = $1{} ORDER BY line",
            )
            .await?,
            change: prepare(
                "UPDATE order_line SET quantity = $3 WHERE order_id = $1{} AND line = $2",
            )
            .await?,
            cancel: prepare("DELETE FROM orders WHERE id = $1{}").await?,
            client,
        })
    }

    /// Takes an order with a line for each quantity, paid; its number.
    ///
    /// # Errors
    /// The server's.
    pub async fn order(&mut self, customer: &str, quantities: &[i32]) -> Result<i64, Error> {
        let transaction = self.client.transaction().await?;
        let row = transaction.query_one(&self.order, &[&customer]).await?;
        let order = self.code.read(&row)?;
        let number = self.code.number(order);
        for (line, quantity) in (1_i32..).zip(quantities) {
            transaction
                .execute(&self.line, &[&*number, &line, quantity])
                .await?;
        }
        transaction.execute(&self.pay, &[&*number]).await?;
        transaction.commit().await?;
        Ok(order)
    }

    /// Quantities of an order's lines.
    ///
    /// # Errors
    /// The server's.
    pub async fn look(&self, order: i64) -> Result<Vec<i32>, Error> {
        let number = self.code.number(order);
        let rows = self.client.query(&self.look, &[&*number]).await?;
        for row in &rows {
            assert_eq!(self.code.read(row)?, order);
        }
        rows.iter().map(|row| row.try_get(1)).collect()
    }

    /// Changes a line, counted from 1; how many rows that were.
    ///
    /// # Errors
    /// The server's.
    pub async fn change(&self, order: i64, line: i32, quantity: i32) -> Result<u64, Error> {
        let number = self.code.number(order);
        let parameters: [&(dyn ToSql + Sync); 3] = [&*number, &line, &quantity];
        self.client.execute(&self.change, &parameters).await
    }

    /// Takes an order back: its lines go, its payments stay; how many rows that
    /// were.
    ///
    /// # Errors
    /// The server's.
    pub async fn cancel(&self, order: i64) -> Result<u64, Error> {
        let number = self.code.number(order);
        self.client.execute(&self.cancel, &[&*number]).await
    }
}
