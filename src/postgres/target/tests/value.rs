//! Values without sense, with where they come from; and harmless ones.

use super::*;

fn refused(url: &str, variables: &[(&str, &str)], expected: &str) {
    check_in(
        url,
        variables,
        &format!("error: connection parameter {expected}"),
    );
}

#[test]
fn numbers_and_lists_without_sense_are_refused_with_their_origin() {
    refused(
        "connect_timeout=soon",
        &[],
        "`connect_timeout` (from the connection string) must be a whole number",
    );
    for port in ["x", "0", "65536", "-1"] {
        refused(
            "",
            &[("PGPORT", port)],
            "`port` (from `PGPORT`) must be a number from 1 to 65535",
        );
    }
    refused(
        "host=a,b,c port=1,2",
        &[],
        "`port` (from the connection string) has 2 elements for 3 hosts",
    );
    refused(
        "host=a,b hostaddr=::1",
        &[],
        "`hostaddr` (from the connection string) has 1 elements, `host` has 2",
    );
    refused(
        "hostaddr=example.com",
        &[],
        "`hostaddr` (from the connection string) is `example.com`, must be an IP address",
    );
}

#[test]
fn words_without_sense_are_refused_with_their_origin() {
    refused(
        "",
        &[("PGSSLMODE", "verify_full")],
        "`sslmode` (from `PGSSLMODE`) is `verify_full`, must be one of `disable`, `allow`, `prefer`, \
         `require`, `verify-ca`, `verify-full`; did you mean `verify-full`?",
    );
    refused(
        "target_session_attrs=master",
        &[],
        "`target_session_attrs` (from the connection string) is `master`, must be one of `any`, \
         `read-write`, `read-only`, `primary`, `standby`, `prefer-standby`",
    );
    refused(
        "sslrootcert=system sslmode=require",
        &[],
        "`sslmode` (from the connection string) must be `verify-full` with `sslrootcert=system`",
    );
    refused(
        "sslnegotiation=direct",
        &[],
        "`sslnegotiation` (from the connection string) is `direct`, which needs `sslmode` to be \
         `require` or stronger",
    );
    refused(
        "channel_binding=require sslmode=disable",
        &[],
        "`channel_binding` (from the connection string) is `require`, which needs encryption, and \
         `sslmode` is `disable`",
    );
    refused(
        "gssencmode=require",
        &[],
        "`gssencmode` (from the connection string) is not supported: segue encrypts by TLS, not by \
         GSSAPI; use `sslmode=require` or stronger",
    );
    refused(
        "",
        &[("PGCLIENTENCODING", "LATIN1")],
        "`client_encoding` (from `PGCLIENTENCODING`) is not supported: migrations are UTF-8, \
         `LATIN1` would garble them; use `UTF8`",
    );
    refused(
        "requirepeer=postgres",
        &[],
        "`requirepeer` (from the connection string) is not supported: segue cannot check the user \
         that a server runs as",
    );
    refused(
        "replication=database",
        &[],
        "`replication` (from the connection string) is not supported: migrations need an ordinary \
         session",
    );
    refused(
        "sslcertmode=require",
        &[],
        "`sslcertmode` (from the connection string) is not supported: segue cannot see whether the \
         server asked for its certificate",
    );
    refused(
        "ssl_max_protocol_version=TLSv1.1",
        &[],
        "`ssl_max_protocol_version` (from the connection string) is older than `TLSv1.2`, the \
         oldest that segue speaks",
    );
    refused(
        "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
        &[],
        "`ssl_min_protocol_version` (from the connection string) must not be above \
         `ssl_max_protocol_version`",
    );
}

#[test]
fn harmless_values_are_accepted() {
    for url in [
        "client_encoding=utf-8",
        "client_encoding=auto",
        "gssencmode=prefer",
        "krbsrvname=postgres",
        "sslcompression=1",
        "replication=false",
        "max_protocol_version=latest",
        "connect_timeout=0",
        "connect_timeout=-1",
        "ssl_min_protocol_version=TLSv1",
    ] {
        let target = Target::resolve(Some(url), &environment(&[], None));
        assert_eq!(
            target.map(|target| target.user().to_owned()),
            Ok("os".to_owned()),
            "{url}"
        );
    }
}
