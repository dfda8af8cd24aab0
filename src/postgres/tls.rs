//! TLS by rustls, with the meaning that libpq gives to `sslmode`.
//!
//! Which modes are tried, and in which order, is left to [`super::connect`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::target::options::{Roots, TlsOptions, TlsVersion};
use super::target::{SslMode, file};

mod verify;

use verify::{Depth, Verifier};

/// Why encryption cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// `verify-ca` or `verify-full`, and nothing to verify against.
    #[error(
        "root certificate file {}does not exist, and `sslmode` demands to verify the server's certificate",
        .0.as_ref().map(|path| format!("`{}` ", path.display())).unwrap_or_default()
    )]
    NoRoots(Option<PathBuf>),
    /// A certificate, key or revocation list that cannot be used.
    #[error("{what} `{}` cannot be used: {reason}", .path.display())]
    File {
        /// `root certificate file`, `private key file`, …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system's certificates cannot be had.
    #[error("the operating system has no root certificates to verify the server with: {0}")]
    NoSystemRoots(String),
    /// rustls refuses the combination.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The client's side of TLS for these options; reads the files that they name.
pub(super) fn client_config(options: &TlsOptions) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&SupportedProtocolVersion] = match (options.min_version, options.max_version) {
        (TlsVersion::V1_3, _) => &[&rustls::version::TLS13],
        (TlsVersion::V1_2, TlsVersion::V1_2) => &[&rustls::version::TLS12],
        (TlsVersion::V1_2, TlsVersion::V1_3) => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let verifier = verifier(options, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client_certificate(options)? {
        Some((certificates, key)) => builder.with_client_auth_cert(certificates, key)?,
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = options.send_server_name;
    // What PostgreSQL 17 and later ask for on a direct connection.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Arc::new(config))
}

/// As libpq: roots that are there are used in every mode, so that `require`
/// beside a root file is as good as `verify-ca`; the host's name counts in
/// `verify-full` alone.
fn verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let depth = if options.mode == SslMode::VerifyFull {
        Depth::ChainAndName
    } else {
        Depth::Chain
    };
    let (certificates, file) = match &options.roots {
        Roots::System => (system_roots()?, None),
        Roots::File(path) => match certificates("root certificate file", path)? {
            Some(certificates) => (certificates, Some(path)),
            None if options.mode >= SslMode::VerifyCa => {
                return Err(TlsError::NoRoots(Some(path.clone())));
            }
            None => return Ok(Arc::new(Verifier::trusting_anyone(provider))),
        },
        Roots::None if options.mode >= SslMode::VerifyCa => return Err(TlsError::NoRoots(None)),
        Roots::None => return Ok(Arc::new(Verifier::trusting_anyone(provider))),
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
    if let (0, Some(path)) = (added, file) {
        return Err(unusable(
            "root certificate file",
            path,
            "it holds no certificate that can be read",
        ));
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .with_crls(revocation_lists(options)?)
        .build()
        .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))?;
    // Only certificates that somebody chose can stand for themselves.
    let chosen = if file.is_some() {
        certificates
    } else {
        Vec::new()
    };
    Ok(Arc::new(Verifier::new(chain, chosen, depth, provider)))
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let errors = found
            .errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ");
        return Err(TlsError::NoSystemRoots(if errors.is_empty() {
            "none found".to_owned()
        } else {
            errors
        }));
    }
    Ok(found.certs)
}

fn revocation_lists(
    options: &TlsOptions,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    const WHAT: &str = "revocation list";
    let mut files: Vec<PathBuf> = options.revocation_list.iter().cloned().collect();
    if let Some(directory) = &options.revocation_directory {
        let listed = file::list(directory);
        files.extend(listed.map_err(|error| unusable(WHAT, directory, error))?);
    }
    let mut lists = Vec::new();
    for path in files {
        let bytes = file::read_if_there(&path).map_err(|error| unusable(WHAT, &path, error))?;
        for list in CertificateRevocationListDer::pem_slice_iter(&bytes.unwrap_or_default()) {
            lists.push(list.map_err(|error| unusable(WHAT, &path, error))?);
        }
    }
    Ok(lists)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The client's certificate and key; a certificate file that is not there means
/// none, as in libpq, even if it was named.
fn client_certificate(options: &TlsOptions) -> Result<Option<Identity>, TlsError> {
    const KEY: &str = "private key file";
    let Some(path) = &options.certificate else {
        return Ok(None);
    };
    let Some(certificates) = certificates("client certificate file", path)? else {
        return Ok(None);
    };
    let Some(key) = &options.key else {
        return Err(unusable(
            "client certificate file",
            path,
            "no private key file goes with it",
        ));
    };
    let metadata = file::metadata_if_there(key).map_err(|error| unusable(KEY, key, error))?;
    let Some(metadata) = metadata else {
        return Err(unusable(
            KEY,
            key,
            "it does not exist, and the client certificate needs it",
        ));
    };
    if !metadata.is_file() {
        return Err(unusable(KEY, key, "it is not a plain file"));
    }
    if file::is_open_to_others(&metadata) && !file::is_key_of_root_for_its_group(&metadata) {
        return Err(unusable(
            KEY,
            key,
            "group or others may access it; permissions should be u=rw (0600) or less, \
             or u=rw,g=r (0640) or less if root owns it",
        ));
    }
    let bytes = file::read_if_there(key).map_err(|error| unusable(KEY, key, error))?;
    let parsed = PrivateKeyDer::from_pem_slice(&bytes.unwrap_or_default()).map_err(|_| {
        unusable(KEY, key, "it holds no private key in PEM form, or an encrypted one; segue takes unencrypted keys")
    })?;
    Ok(Some((certificates, parsed)))
}

/// All certificates of a PEM file, `None` if there is no such file.
fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Option<Vec<CertificateDer<'static>>>, TlsError> {
    let Some(bytes) = file::read_if_there(path).map_err(|error| unusable(what, path, error))?
    else {
        return Ok(None);
    };
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(what, path, error))?;
    if certificates.is_empty() {
        return Err(unusable(what, path, "it holds no certificate in PEM form"));
    }
    Ok(Some(certificates))
}

fn unusable(what: &'static str, path: &Path, reason: impl std::fmt::Display) -> TlsError {
    TlsError::File {
        what,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
