//! A small application in two versions: blue knows a person's `name`, green the
//! `full_name`. `GET /` reads, `POST /` writes, `GET /health` says that it
//! lives. What the database refuses is a 500 with its words.

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Error, NoTls};

/// Which code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The old one.
    Blue,
    /// The new one.
    Green,
}

impl Version {
    /// As it calls itself in header `X-Version`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Blue, Self::Green]
            .into_iter()
            .find(|version| version.as_str() == name)
    }

    /// What it believes the column to be called.
    fn column(self) -> &'static str {
        match self {
            Self::Blue => "name",
            Self::Green => "full_name",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

struct Shop {
    version: Version,
    url: String,
    /// Connected when somebody comes, and again when it was lost.
    client: Mutex<Option<Arc<Client>>>,
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, version: Version, url: String) {
    let shop = Arc::new(Shop {
        version,
        url,
        client: Mutex::new(None),
    });
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let shop = Arc::clone(&shop);
            // Who hangs up before the answer does not want it.
            tokio::spawn(async move { shop.answer(stream).await });
        }
    }
}

impl Shop {
    async fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut request = String::new();
        // The header alone: no request has a body.
        while !request.ends_with("\r\n\r\n") {
            if stream.read_line(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let column = self.version.column();
        let answer = match request.split(" HTTP/").next().unwrap_or_default() {
            "GET /health" => Ok("well".to_owned()),
            "GET /" => {
                self.ask(&format!(
                    "SELECT {column} FROM person ORDER BY id DESC LIMIT 1"
                ))
                .await
            }
            "POST /" => {
                self.ask(&format!(
                    "INSERT INTO person ({column}) VALUES ('a customer of {}') RETURNING {column}",
                    self.version
                ))
                .await
            }
            other => {
                let body = format!("nothing is known of {other}");
                return send(stream, self.version, "404 Not Found", &body).await;
            }
        };
        match answer {
            Ok(body) => send(stream, self.version, "200 OK", &body).await,
            Err(error) => {
                let body = match error.as_db_error() {
                    Some(error) => error.to_string(),
                    None => error.to_string(),
                };
                send(stream, self.version, "500 Internal Server Error", &body).await
            }
        }
    }

    async fn ask(&self, sql: &str) -> Result<String, Error> {
        let client = self.client().await?;
        // Leaves nothing prepared, so it goes through any pooler.
        let rows = client.query_typed(sql, &[]).await?;
        rows.first()
            .map_or(Ok(String::new()), |row| row.try_get::<_, String>(0))
    }

    async fn client(&self) -> Result<Arc<Client>, Error> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Arc::clone(kept.insert(Arc::new(client))))
    }
}

async fn send(
    mut stream: BufReader<TcpStream>,
    version: Version,
    status: &str,
    body: &str,
) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {status}\r\nX-Version: {version}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// `shop VERSION ADDRESS:PORT`, with the database in `DATABASE_URL`.
#[allow(dead_code, reason = "the tests begin with `serve`")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let version = arguments.next().as_deref().and_then(Version::named);
    let (Some(version), Some(address)) = (version, arguments.next()) else {
        return Err("usage: shop blue|green ADDRESS:PORT".into());
    };
    let url = std::env::var("DATABASE_URL")?;
    serve(TcpListener::bind(address).await?, version, url).await;
    Ok(())
}
