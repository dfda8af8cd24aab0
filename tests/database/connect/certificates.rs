//! Certificates for a test: two authorities, servers, a client.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

/// Whom a server's certificate is for, and how.
pub enum Names {
    /// `db.example` as an alternative name.
    Alternative,
    /// `db.example` as the common name alone, as the manual of PostgreSQL makes it.
    Common,
}

/// PEM texts.
pub struct Certificates {
    pub authority: String,
    pub other_authority: String,
    pub server: String,
    pub server_key: String,
    /// For the role `client`.
    pub client: String,
    pub client_key: String,
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn named(common: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("good names");
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

fn authority(common: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = named(common, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, key()).expect("an authority")
}

impl Certificates {
    pub fn new(names: &Names) -> Self {
        let authority_ = authority("the right authority");
        let (server_key, client_key) = (key(), key());
        let server = match names {
            Names::Alternative => named("something else", &["db.example"]),
            Names::Common => named("db.example", &[]),
        };
        Self {
            authority: authority_.pem(),
            other_authority: authority("another authority").pem(),
            server: server
                .signed_by(&server_key, &authority_)
                .expect("signed")
                .pem(),
            server_key: server_key.serialize_pem(),
            client: named("client", &[])
                .signed_by(&client_key, &authority_)
                .expect("signed")
                .pem(),
            client_key: client_key.serialize_pem(),
        }
    }

    /// A server that vouches for itself, as `openssl req -x509` makes it.
    pub fn self_signed() -> Self {
        let mut certificates = Self::new(&Names::Alternative);
        let mut params = named("db.example", &["db.example"]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key();
        certificates.server = params.self_signed(&key).expect("signed").pem();
        certificates.authority.clone_from(&certificates.server);
        certificates.server_key = key.serialize_pem();
        certificates
    }
}
