//! A small server that brings its migrations along: at start it applies what
//! is pending, it serves as soon as the deployment is ready, and builds its
//! index while it does.
//!
//! ```sh
//! DATABASE_URL=postgres://app@localhost/app LISTEN=127.0.0.1:8080 migrate-at-start
//! ```

use std::process::ExitCode;
use std::time::Duration;

use segue::{Deployment, Embedded, Error, Settled};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

static MIGRATIONS: Embedded = segue::embed!();

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            match error.downcast_ref::<Error>() {
                Some(error) => ExitCode::from(error.exit_status()),
                None => ExitCode::FAILURE,
            }
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let deployment = Deployment::new(&MIGRATIONS)
        .database(variable("DATABASE_URL")?)
        .connect_wait(Duration::from_secs(60))
        .timeout(Duration::from_secs(600));

    // A log of what happens: segue itself prints nothing.
    let mut events = deployment.events();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            eprintln!("{event}");
        }
    });

    let ready = deployment.up().await?;
    let listener = TcpListener::bind(variable("LISTEN")?).await?;
    println!("serving on {}", listener.local_addr()?);

    let stopper = deployment.stopper();
    let tail: JoinHandle<Result<Settled, Error>> = tokio::spawn(ready.settle());

    let mut terminated = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (connection, _) = accepted?;
                tokio::spawn(answer(connection));
            }
            _ = terminated.recv() => break,
        }
    }

    // What is being built goes on in the server; the next start finds it.
    stopper.stop();
    match tail.await? {
        Ok(_) => println!("settled"),
        Err(error) => eprintln!("{error}"),
    }
    Ok(())
}

/// Answers every request alike.
async fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 1024];
    let _ = connection.read(&mut request).await?;
    connection
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nready\n")
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a database: what cannot run is told here, not in production.
    #[test]
    fn the_migrations_are_valid() {
        if let Err(error) = Deployment::new(&MIGRATIONS).check() {
            panic!("{error}");
        }
    }
}
