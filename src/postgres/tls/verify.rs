//! Is the server's certificate good enough? rustls' verifier, loosened to what
//! OpenSSL under libpq accepts.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How much of a certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// That a trusted authority signed it.
    Chain,
    /// And that it is for this host.
    ChainAndName,
}

/// Verifies as `sslmode` demands.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None` trusts anyone.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates of the root file: a self-signed one may be the server's own.
    chosen: Vec<CertificateDer<'static>>,
    depth: Depth,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        chain: Arc<WebPkiServerVerifier>,
        chosen: Vec<CertificateDer<'static>>,
        depth: Depth,
        provider: &CryptoProvider,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self {
            chain: Some(chain),
            chosen,
            depth,
            algorithms,
        }
    }

    /// Encrypts only: whoever answers is believed.
    pub(super) fn trusting_anyone(provider: &CryptoProvider) -> Self {
        Self {
            chain: None,
            chosen: Vec::new(),
            depth: Depth::Chain,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    /// Whether the certificate stands itself in the root file and is in force:
    /// a self-signed server, whose certificate webpki refuses as a server's
    /// where it says of itself that it is an authority, as `openssl req -x509`
    /// makes them.
    fn is_chosen(&self, end_entity: &CertificateDer<'_>, now: UnixTime) -> bool {
        self.chosen.iter().any(|chosen| chosen == end_entity)
            && X509Certificate::from_der(end_entity).is_ok_and(|(_, certificate)| {
                let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
                let validity = certificate.validity();
                certificate.issuer() == certificate.subject()
                    && validity.not_before.timestamp() <= now
                    && now <= validity.not_after.timestamp()
            })
    }
}

fn is_wrong_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

fn is_revoked(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Revoked))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Ok(verified) => Ok(verified),
            // The name is looked at last, so here the chain is sound.
            Err(error) if is_wrong_name(&error) => match self.depth {
                Depth::ChainAndName if !fits_without_webpki(end_entity, server_name) => Err(error),
                _ => Ok(ServerCertVerified::assertion()),
            },
            Err(error) if is_revoked(&error) || !self.is_chosen(end_entity, now) => Err(error),
            // The name check was not reached, so it is still to be made.
            Err(_) if self.depth == Depth::ChainAndName && !fits(end_entity, server_name) => {
                Err(Error::InvalidCertificate(CertificateError::NotValidForName))
            }
            Err(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls13_signature(message, certificate, signature, &self.algorithms);
        if verified.is_ok() {
            return verified;
        }
        // webpki reads X.509 version 3 only; what `openssl x509 -req` made until
        // lately is version 1. The key is the same, so the proof is, too: it
        // matters where nothing else is verified but SCRAM binds to the channel.
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
            return verified;
        };
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms).or(verified)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A name that webpki did not find: the common name, which libpq looks at where
/// the certificate names no host otherwise (manual, "SSL Support").
fn fits_without_webpki(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let names_hosts = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .is_some_and(|names| {
            names
                .value
                .general_names
                .iter()
                .any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
        });
    !names_hosts
        && certificate
            .subject()
            .iter_common_name()
            .filter_map(|common| common.as_str().ok())
            .any(|common| matches(common, &name.to_str()))
}

/// Whether the certificate is for that name at all.
fn fits(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let listed = X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
        let names = certificate.subject_alternative_name().ok().flatten();
        names.is_some_and(|names| {
            names
                .value
                .general_names
                .iter()
                .any(|listed| match (listed, name) {
                    (GeneralName::DNSName(listed), ServerName::DnsName(name)) => {
                        matches(listed, name.as_ref())
                    }
                    (GeneralName::IPAddress(listed), ServerName::IpAddress(name)) => {
                        match IpAddr::from(*name) {
                            IpAddr::V4(address) => address.octets() == **listed,
                            IpAddr::V6(address) => address.octets() == **listed,
                        }
                    }
                    _ => false,
                })
        })
    });
    listed || fits_without_webpki(certificate, name)
}

/// libpq's rule: equal whatever the case, or a leading `*.` that stands for one
/// label.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    let (Some(suffix), Some((first, rest))) = (pattern.strip_prefix("*."), name.split_once('.'))
    else {
        return false;
    };
    !first.is_empty() && name.parse::<IpAddr>().is_err() && suffix.eq_ignore_ascii_case(rest)
}
