use std::collections::HashMap;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::TlsError;
use crate::config::{Certificate, Pem};

/// The certificates of a listener, by the names that they are for.
#[derive(Debug)]
pub(super) struct Certificates {
    all: Vec<Arc<CertifiedKey>>,
    names: HashMap<String, usize>,
    /// By what follows the `*.`: one label, no more, stands in its place (RFC 6125 section 6.4.3).
    wildcards: HashMap<String, usize>,
}

impl Certificates {
    /// Reads them. Blocks meanwhile.
    ///
    /// # Errors
    /// One of them cannot be read, makes no sense, or is not its key's.
    pub(super) fn open(certificates: &[Certificate], provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut opened = Self { all: Vec::new(), names: HashMap::new(), wildcards: HashMap::new() };
        for (index, certificate) in certificates.iter().enumerate() {
            let key = open(certificate, provider)?;
            let own = EndEntityCert::try_from(&key.cert[0]);
            let own = own.map_err(|error| about(&certificate.chain, "has no certificate", &error))?;
            for name in own.valid_dns_names() {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix("*.") {
                    Some(suffix) => opened.wildcards.entry(suffix.to_owned()).or_insert(index),
                    None => opened.names.entry(name).or_insert(index),
                };
            }
            opened.all.push(Arc::new(key));
        }
        Ok(opened)
    }

    /// Which one is for this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        let by_wildcard = || self.wildcards.get(name.split_once('.')?.1);
        self.names.get(&name).or_else(by_wildcard).copied()
    }

    /// The same; the first where none is.
    pub(super) fn index(&self, name: Option<&str>) -> usize {
        let name = name.filter(|_| self.all.len() > 1);
        name.and_then(|name| self.find(name)).unwrap_or(0)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.all.get(self.index(hello.server_name())).cloned()
    }
}

fn open(certificate: &Certificate, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let Certificate { chain, key } = certificate;
    let text = read(chain)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| about(chain, "is no PEM", &error))?;
    if certificates.is_empty() {
        return Err(TlsError(format!(
            "{} has no certificate: no `-----BEGIN CERTIFICATE-----`",
            place(chain)
        )));
    }
    let text = read(key)?;
    let private = PrivateKeyDer::from_pem_slice(&text);
    let private = private.map_err(|error| about(key, "has no private key", &error))?;
    CertifiedKey::from_der(certificates, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError(format!("the key of {} is not that of the certificate of {}", place(key), place(chain)))
        }
        error => about(key, "cannot be used", &error),
    })
}

fn read(pem: &Pem) -> Result<Vec<u8>, TlsError> {
    match pem {
        Pem::File(path) => std::fs::read(path).map_err(|error| about(pem, "cannot be read", &error)),
        Pem::Text(text) => Ok(text.as_bytes().to_vec()),
    }
}

/// Never with any of the text.
fn about(pem: &Pem, what: &str, error: &dyn std::fmt::Display) -> TlsError {
    TlsError(format!("{} {what}: {error}", place(pem)))
}

fn place(pem: &Pem) -> String {
    match pem {
        Pem::File(path) => path.display().to_string(),
        Pem::Text(_) => "the text in the configuration".to_owned(),
    }
}
