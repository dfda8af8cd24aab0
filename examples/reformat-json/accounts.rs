//! The application, in the three versions that the story needs: they differ in
//! the format in which they keep a person's name.

use tokio_postgres::{Client, Error, NoTls, Statement};

/// Which code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The old one: reads and writes `profile`.
    Profile,
    /// The new one while rows may not have the new format: writes `details`,
    /// and reads it where it is there already.
    Either,
    /// The new one: reads and writes `details`.
    Details,
}

/// An account as somebody has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose it is.
    pub first: String,
    /// Which write has left it so, from 1 on.
    pub revision: i64,
}

impl Code {
    /// A new account; `$1` is the first name.
    fn open(self) -> &'static str {
        match self {
            Self::Profile => {
                "INSERT INTO account (profile)
                 VALUES (jsonb_build_object('first', $1::text, 'last', 'Doe', 'born', 1970))
                 RETURNING id"
            }
            Self::Either | Self::Details => {
                "INSERT INTO account (details)
                 VALUES (jsonb_build_object(
                     'name', jsonb_build_object('first', $1::text, 'last', 'Doe'),
                     'more', jsonb_build_object('born', 1970)))
                 RETURNING id"
            }
        }
    }

    /// Another first name, the rest as it was; `$1` is the account, `$2` the name.
    fn rename(self) -> &'static str {
        match self {
            Self::Profile => {
                "UPDATE account SET profile = profile || jsonb_build_object('first', $2::text),
                        revision = revision + 1
                  WHERE id = $1 RETURNING revision"
            }
            Self::Either => {
                "UPDATE account
                    SET details = jsonb_set(coalesce(details, account_details(profile)),
                                            '{name,first}', to_jsonb($2::text)),
                        revision = revision + 1
                  WHERE id = $1 RETURNING revision"
            }
            Self::Details => {
                "UPDATE account SET details = jsonb_set(details, '{name,first}', to_jsonb($2::text)),
                        revision = revision + 1
                  WHERE id = $1 RETURNING revision"
            }
        }
    }

    /// The first name of account `$1`.
    fn look(self) -> &'static str {
        match self {
            Self::Profile => "SELECT profile ->> 'first', revision FROM account WHERE id = $1",
            Self::Either => {
                "SELECT coalesce(details, account_details(profile)) -> 'name' ->> 'first', revision
                   FROM account WHERE id = $1"
            }
            Self::Details => {
                "SELECT details -> 'name' ->> 'first', revision FROM account WHERE id = $1"
            }
        }
    }
}

/// A server of the application: one connection, on which each statement is
/// prepared once, as drivers do it.
pub struct Accounts {
    client: Client,
    open: Statement,
    rename: Statement,
    look: Statement,
}

impl Accounts {
    /// Opens.
    ///
    /// # Errors
    /// The server's.
    pub async fn serve(url: &str, code: Code) -> Result<Self, Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        // Nobody waits for longer here.
        client
            .batch_execute("SET statement_timeout = '10s'")
            .await?;
        Ok(Self {
            open: client.prepare(code.open()).await?,
            rename: client.prepare(code.rename()).await?,
            look: client.prepare(code.look()).await?,
            client,
        })
    }

    /// Makes an account; its number.
    ///
    /// # Errors
    /// The server's.
    pub async fn open(&self, first: &str) -> Result<i64, Error> {
        let row = self.client.query_one(&self.open, &[&first]).await?;
        row.try_get(0)
    }

    /// Changes a first name; the revision that has it.
    ///
    /// # Errors
    /// The server's.
    pub async fn rename(&self, account: i64, first: &str) -> Result<i64, Error> {
        let row = self
            .client
            .query_one(&self.rename, &[&account, &first])
            .await?;
        row.try_get(0)
    }

    /// Reads an account.
    ///
    /// # Errors
    /// The server's.
    pub async fn look(&self, account: i64) -> Result<Account, Error> {
        let row = self.client.query_one(&self.look, &[&account]).await?;
        Ok(Account {
            first: row.try_get(0)?,
            revision: row.try_get(1)?,
        })
    }
}
