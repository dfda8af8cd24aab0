//! TCP or Unix, read by one thread and written by another.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// One side of a connection.
#[derive(Debug)]
pub enum Socket {
    /// The client's.
    Tcp(TcpStream),
    /// The server's, most often.
    Unix(UnixStream),
}

/// Where the server is.
#[derive(Debug)]
pub enum Target {
    /// Host and port.
    Tcp(String, u16),
    /// Socket.
    Unix(PathBuf),
}

impl Target {
    /// The first host of a configuration.
    pub fn of(config: &tokio_postgres::Config) -> Self {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match config.get_hosts().first().expect("a host") {
            tokio_postgres::config::Host::Tcp(host) => Self::Tcp(host.clone(), port),
            tokio_postgres::config::Host::Unix(folder) => {
                Self::Unix(folder.join(format!(".s.PGSQL.{port}")))
            }
        }
    }

    pub fn connect(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(host, port) => TcpStream::connect((host.as_str(), *port)).map(Socket::Tcp),
            Self::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
        }
    }
}

impl Socket {
    pub fn reader(&self) -> impl Read + '_ {
        match self {
            Self::Tcp(stream) => Either::Tcp(stream),
            Self::Unix(stream) => Either::Unix(stream),
        }
    }

    pub fn writer(&self) -> impl Write + '_ {
        match self {
            Self::Tcp(stream) => Either::Tcp(stream),
            Self::Unix(stream) => Either::Unix(stream),
        }
    }

    /// Both directions; fails if the other side was quicker.
    pub fn shut_down(&self) {
        self.shut(Shutdown::Both);
    }

    pub fn shut_down_writing(&self) {
        self.shut(Shutdown::Write);
    }

    fn shut(&self, how: Shutdown) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }
}

/// Both are read and written through shared references.
enum Either<'a> {
    Tcp(&'a TcpStream),
    Unix(&'a UnixStream),
}

impl Read for Either<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Either<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
