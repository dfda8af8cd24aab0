//! Rows as they stream in, with the names of their columns.

use std::pin::Pin;

use futures_util::StreamExt;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

use super::{Error, Session, TextRow};

/// Rows of a statement under way. What is not read is discarded.
pub struct Rows<'a> {
    session: &'a Session,
    messages: Pin<Box<SimpleQueryStream>>,
    /// Column names; empty before the first row.
    pub labels: Vec<String>,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Rows")
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Sends a statement when polled for the first time, without waiting for
    /// anything: of several, the rows are to be read in the order in which they
    /// were sent.
    ///
    /// # Errors
    /// [`Error::Lost`]
    pub async fn rows(&self, sql: &str) -> Result<Rows<'_>, Error> {
        let messages = self.client.simple_query_raw(sql).await;
        Ok(Rows {
            session: self,
            messages: Box::pin(messages.map_err(|error| self.failed(error))?),
            labels: Vec::new(),
        })
    }

    /// Runs statements, one message, and discards their rows as they stream in;
    /// how many rows they have touched, by their command tags.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn affected(&self, sql: &str) -> Result<u64, Error> {
        let messages = self.client.simple_query_raw(sql).await;
        let mut messages = Box::pin(messages.map_err(|error| self.failed(error))?);
        let mut affected = 0;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| self.failed(error))?;
            if let SimpleQueryMessage::CommandComplete(rows) = message {
                affected += rows;
            }
        }
        Ok(affected)
    }
}

impl Rows<'_> {
    /// The next row, as text; `None` after the last one.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn next(&mut self) -> Result<Option<TextRow>, Error> {
        while let Some(message) = self.messages.next().await {
            match message.map_err(|error| self.session.failed(error))? {
                SimpleQueryMessage::RowDescription(columns) => {
                    self.labels = columns.iter().map(|one| one.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => return text_row(&row).map(Some),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn finish(mut self) -> Result<(), Error> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}

fn text_row(row: &SimpleQueryRow) -> Result<TextRow, Error> {
    (0..row.len())
        .map(|index| match row.try_get(index) {
            Ok(text) => Ok(text.map(ToOwned::to_owned)),
            // A file has chosen another encoding.
            Err(_) => Err(Error::protocol("a value that is not UTF-8")),
        })
        .collect()
}
