//! Every `sslmode` against the right and the wrong authority and host name.

use std::time::{Duration, Instant};

use segue::postgres::connect::connect;
use segue::postgres::target::Target;

use super::certificates::{Certificates, Names};
use super::server::Server;
use super::{environment, outcome, run, target};

const HBA: &str = "\
local all all trust
hostssl all client 127.0.0.1/32 cert
hostssl all tls 127.0.0.1/32 trust
hostnossl all plain 127.0.0.1/32 trust
hostssl all scram 127.0.0.1/32 scram-sha-256
host all postgres 127.0.0.1/32 trust
";

async fn server(certificates: &Certificates) -> Server {
    let server = Server::start(HBA, Some(certificates));
    run(
        &server.socket("postgres"),
        &[
            "CREATE ROLE client LOGIN",
            "CREATE ROLE tls LOGIN",
            "CREATE ROLE plain LOGIN",
            "CREATE ROLE scram LOGIN PASSWORD 'secret'",
        ],
    )
    .await;
    server
}

/// First line of what comes of `url`, after the place.
async fn short(server: &Server, url: &str) -> String {
    let url = format!(
        "hostaddr=127.0.0.1 port={} dbname=postgres {url}",
        server.port
    );
    let target = Target::resolve(Some(&url), &environment(&[], None)).expect("a good string");
    let text = outcome(
        &target,
        &[(server.path().to_str().expect("UTF-8"), "FOLDER")],
    )
    .await;
    let line = text.lines().next().unwrap_or_default();
    match line.split_once(&format!("port {}: ", server.port)) {
        Some((_, reason)) => reason.to_owned(),
        None => line.to_owned(),
    }
}

const UNTRUSTED: &str =
    "the server's certificate is not trusted: invalid peer certificate: UnknownIssuer";
const WRONG: &str = "the server's certificate is not for this host: invalid peer certificate: \
                     certificate not valid for name \"other.example\"; certificate is only valid \
                     for DnsName(\"db.example\")";

#[tokio::test]
async fn every_mode_with_right_and_wrong_authority_and_name() {
    let certificates = Certificates::new(&Names::Alternative);
    let server = server(&certificates).await;
    let right = server.write("right.crt", &certificates.authority, 0o644);
    let wrong = server.write("wrong.crt", &certificates.other_authority, 0o644);
    let (right, wrong) = (right.display(), wrong.display());
    let check = async |url: String, expected: &str| {
        assert_eq!(short(&server, &url).await, expected, "{url}");
    };
    let good = "postgres@postgres encrypted";
    let plain = "postgres@postgres plain";
    // sslmode: without a root file; right authority with right and wrong name;
    // wrong authority.
    for (mode, without, right_name, wrong_name, wrong_authority) in [
        ("disable", plain, plain, plain, plain),
        ("allow", plain, plain, plain, plain),
        ("prefer", good, good, good, plain),
        ("require", good, good, good, UNTRUSTED),
        ("verify-ca", "", good, good, UNTRUSTED),
        ("verify-full", "", good, WRONG, UNTRUSTED),
    ] {
        let mode = format!("user=postgres sslmode={mode}");
        if !without.is_empty() {
            check(format!("{mode} host=db.example"), without).await;
        }
        check(
            format!("{mode} host=db.example sslrootcert={right}"),
            right_name,
        )
        .await;
        check(
            format!("{mode} host=other.example sslrootcert={right}"),
            wrong_name,
        )
        .await;
        check(
            format!("{mode} host=db.example sslrootcert={wrong}"),
            wrong_authority,
        )
        .await;
    }
    check(
        "user=postgres sslmode=verify-ca host=db.example sslrootcert=/no/such".to_owned(),
        "root certificate file `/no/such` does not exist, and `sslmode` demands to verify the \
         server's certificate",
    )
    .await;
    check(
        "user=postgres sslrootcert=system host=db.example".to_owned(),
        UNTRUSTED,
    )
    .await;
    // `prefer` and `allow` take the other way where the server demands it.
    for (user, mode, expected) in [
        ("tls", "allow", "tls@postgres encrypted"),
        ("tls", "prefer", "tls@postgres encrypted"),
        ("plain", "allow", "plain@postgres plain"),
        ("plain", "prefer", "plain@postgres plain"),
        (
            "tls",
            "disable",
            "no pg_hba.conf entry for host \"127.0.0.1\", user \"tls\", database \
                            \"postgres\", no encryption (SQLSTATE 28000)",
        ),
        (
            "plain",
            "require",
            "no pg_hba.conf entry for host \"127.0.0.1\", user \"plain\", database \
                              \"postgres\", SSL encryption (SQLSTATE 28000)",
        ),
    ] {
        check(
            format!("user={user} sslmode={mode} host=db.example"),
            expected,
        )
        .await;
    }
    // One version of TLS each.
    for version in ["TLSv1.2", "TLSv1.3"] {
        check(
            format!(
                "user=postgres sslmode=verify-full host=db.example sslrootcert={right} \
                 ssl_min_protocol_version={version} ssl_max_protocol_version={version}"
            ),
            good,
        )
        .await;
    }
}

#[tokio::test]
async fn the_root_file_at_home_makes_require_verify() {
    let certificates = Certificates::new(&Names::Alternative);
    let server = server(&certificates).await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".postgresql");
    std::fs::create_dir(&folder).unwrap();
    let url = format!(
        "host=db.example hostaddr=127.0.0.1 port={} user=postgres sslmode=require",
        server.port
    );
    let connects = async || {
        let target = Target::resolve(Some(&url), &environment(&[], Some(home.path()))).unwrap();
        connect(&target, Duration::ZERO)
            .await
            .map(|_| ())
            .map_err(|error| error.help())
    };
    assert_eq!(connects().await, Ok(()));
    std::fs::write(folder.join("root.crt"), &certificates.authority).unwrap();
    assert_eq!(connects().await, Ok(()));
    std::fs::write(folder.join("root.crt"), &certificates.other_authority).unwrap();
    assert_eq!(
        connects().await,
        Err(Some(
            "set `sslrootcert` to the file with the certificate of the authority that signed the \
             server's, or to `system`"
                .to_owned()
        ))
    );
}

#[tokio::test]
async fn certificates_that_openssl_takes_are_taken() {
    let by_common_name = Certificates::new(&Names::Common);
    let self_signed = Certificates::self_signed();
    let unverifiable = "the server's certificate cannot be verified: invalid peer certificate: \
                        Other(OtherError(CaUsedAsEndEntity))";
    for (certificates, wrong_name, untrusted) in [
        (
            by_common_name,
            "the server's certificate is not for this host: invalid peer certificate: certificate \
             not valid for name \"other.example\"; certificate is not valid for any names \
             (according to its subjectAltName extension)",
            UNTRUSTED,
        ),
        (
            self_signed,
            "the server's certificate is not for this host: invalid peer certificate: \
             NotValidForName",
            unverifiable,
        ),
    ] {
        let server = server(&certificates).await;
        let roots = server.write("roots.crt", &certificates.authority, 0o644);
        let other = server.write("other.crt", &certificates.other_authority, 0o644);
        let check = async |host: &str, roots: &std::path::Path, expected: &str| {
            let roots = roots.display();
            let url = format!("user=postgres host={host} sslmode=verify-full sslrootcert={roots}");
            assert_eq!(short(&server, &url).await, expected, "{url}");
        };
        check("db.example", &roots, "postgres@postgres encrypted").await;
        check("db.example", &other, untrusted).await;
        check("other.example", &roots, wrong_name).await;
    }
}

#[tokio::test]
async fn client_certificates_and_channel_binding() {
    let certificates = Certificates::new(&Names::Alternative);
    let server = server(&certificates).await;
    let certificate = server.write("client.crt", &certificates.client, 0o644);
    let key = server.write("client.key", &certificates.client_key, 0o600);
    let open_key = server.write("open.key", &certificates.client_key, 0o644);
    let certificate = certificate.display();
    let url = |key: &std::path::Path| {
        format!(
            "user=client host=db.example sslmode=require sslcert={certificate} sslkey={}",
            key.display()
        )
    };
    assert_eq!(
        short(&server, &url(&key)).await,
        "client@postgres encrypted"
    );
    assert_eq!(
        short(&server, "user=client host=db.example sslmode=require").await,
        "connection requires a valid client certificate (SQLSTATE 28000)"
    );
    assert_eq!(
        short(&server, &url(&open_key)).await,
        "private key file `FOLDER/open.key` cannot be used: group or others may access it; \
         permissions should be u=rw (0600) or less, or u=rw,g=r (0640) or less if root owns it"
    );
    assert_eq!(
        short(&server, &url(std::path::Path::new("/no/such"))).await,
        "private key file `/no/such` cannot be used: it does not exist, and the client certificate \
         needs it"
    );
    let scram =
        "user=scram host=db.example sslmode=require password=secret channel_binding=require";
    assert_eq!(short(&server, scram).await, "scram@postgres encrypted");
    assert_eq!(
        short(
            &server,
            "user=tls host=db.example sslmode=require channel_binding=require"
        )
        .await,
        "authentication error: server did not use channel binding"
    );
}

#[tokio::test]
async fn a_statement_is_cancelled_over_tls_and_over_the_socket() {
    let certificates = Certificates::new(&Names::Alternative);
    let server = server(&certificates).await;
    let roots = server.write("roots.crt", &certificates.authority, 0o644);
    let tls = format!(
        "host=db.example hostaddr=127.0.0.1 port={} user=tls dbname=postgres sslmode=verify-full \
         sslrootcert={}",
        server.port,
        roots.display()
    );
    for (url, encrypted) in [(tls, true), (server.socket("postgres"), false)] {
        let connected = connect(&target(&url), Duration::ZERO).await.unwrap();
        assert_eq!(connected.encrypted, encrypted);
        let canceller = connected.canceller.clone();
        let mut connection = connected.connection;
        tokio::spawn(async move {
            while futures_util::StreamExt::next(&mut connection)
                .await
                .is_some()
            {}
        });
        let start = Instant::now();
        let client = connected.client;
        // Again and again, since one that comes before the statement hits nothing.
        let requests = async {
            loop {
                canceller.cancel().await.expect("the request is delivered");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let slept = tokio::select! {
            slept = client.batch_execute("SELECT pg_sleep(60)") => slept,
            never = requests => never,
        };
        let code = slept.unwrap_err().code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("57014"));
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
