//! Reaching servers: log-in, TLS, several hosts, a server that only starts.

mod certificates;
mod hosts;
mod login;
pub mod server;
mod tls;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use segue::postgres::connect::{Connected, connect};
use segue::postgres::target::{Environment, Target};
use tokio_postgres::SimpleQueryMessage;

/// Surroundings with nothing in them but these variables.
fn environment(variables: &[(&str, &str)], home: Option<&Path>) -> Environment {
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Environment {
        variables,
        home: home.map(Path::to_owned),
        user: Some("postgres".to_owned()),
    }
}

fn target(url: &str) -> Target {
    Target::resolve(Some(url), &environment(&[], None)).expect("a good connection string")
}

/// What the only row of `sql` holds, columns divided by `|`.
async fn ask(connected: Connected, sql: &str) -> String {
    let Connected {
        client,
        mut connection,
        ..
    } = connected;
    tokio::spawn(async move { while connection.next().await.is_some() {} });
    let rows = client.simple_query(sql).await.expect("the query works");
    let row = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.expect("a row");
    (0..row.len())
        .map(|column| row.get(column).unwrap_or("NULL"))
        .collect::<Vec<_>>()
        .join("|")
}

/// Runs each statement in a transaction of its own.
async fn run(url: &str, statements: &[&str]) {
    let connected = connect(&target(url), Duration::ZERO).await;
    let Connected {
        client,
        mut connection,
        ..
    } = connected.expect("the server is up");
    tokio::spawn(async move { while connection.next().await.is_some() {} });
    for statement in statements {
        client
            .batch_execute(statement)
            .await
            .expect("the statement works");
    }
}

/// What came of connecting: `user@database plain` or `… encrypted`, or the
/// error and its help, with `port` and what else varies taken out.
async fn outcome(target: &Target, redact: &[(&str, &str)]) -> String {
    let text = match connect(target, Duration::ZERO).await {
        Ok(connected) => {
            let layer = if connected.encrypted {
                "encrypted"
            } else {
                "plain"
            };
            let who = ask(connected, "SELECT current_user, current_database()").await;
            format!("{} {layer}", who.replace('|', "@"))
        }
        Err(error) => {
            let help = error
                .help()
                .map(|help| format!("\nhelp: {help}"))
                .unwrap_or_default();
            format!("{error}{help}")
        }
    };
    redact
        .iter()
        .fold(text, |text, (varying, fixed)| text.replace(varying, fixed))
}
