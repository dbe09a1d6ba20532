//! TLS at a listener (RFC 8446, and RFC 5246 for TLS 1.2): who gets which certificate, and how all of them are taken over
//! anew while connections go on.

mod certificates;

use std::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::ProducesTickets;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Tls;
use crate::peer::Authority;
use certificates::Certificates;

/// What is offered by ALPN (RFC 7301), the best first.
const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Why a listener cannot speak TLS: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// Takes TLS off the connections of one listener.
#[derive(Debug)]
pub(super) struct Terminator {
    offer: ArcSwap<Offer>,
    /// Outlives every change of certificates, so that sessions are resumed across it. Its keys rotate by themselves.
    tickets: Arc<dyn ProducesTickets>,
}

/// What a new connection is offered.
#[derive(Debug)]
pub(super) struct Offer {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

impl Terminator {
    /// Opens the certificates.
    ///
    /// # Errors
    /// One of them is none, or is not its key's.
    pub(super) fn new(tls: &Tls) -> Result<Self, TlsError> {
        let tickets = aws_lc_rs::Ticketer::new().map_err(|error| TlsError(error.to_string()))?;
        let offer = offer(tls, &tickets)?;
        Ok(Self { offer: ArcSwap::from_pointee(offer), tickets })
    }

    /// Opens other certificates, which [`set`](Self::set) takes over.
    ///
    /// # Errors
    /// As with [`new`](Self::new).
    pub(super) fn prepare(&self, tls: &Tls) -> Result<Offer, TlsError> {
        offer(tls, &self.tickets)
    }

    /// Connections get this from now on. Those that are open keep what they have.
    pub(super) fn set(&self, offer: Offer) {
        self.offer.store(Arc::new(offer));
    }

    /// Whether one of the certificates is for this host.
    pub(super) fn is_for(&self, host: &str) -> bool {
        self.offer.load().certificates.find(host).is_some()
    }

    /// The handshake. Says also for which hosts the connection is, and whether it speaks HTTP/2.
    pub(super) async fn accept<I>(&self, io: I) -> io::Result<(TlsStream<I>, Session)>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let offer = self.offer.load_full();
        let stream = TlsAcceptor::from(offer.config.clone()).accept(io).await?;
        let (_, connection) = stream.get_ref();
        let is_http2 = connection.alpn_protocol() == Some(H2);
        let certificate = offer.certificates.index(connection.server_name());
        Ok((stream, Session { is_http2, certificate, certificates: offer.certificates.clone() }))
    }
}

/// Opens the certificates, to see whether they can be used.
///
/// # Errors
/// As with [`Terminator::new`].
pub(super) fn try_out(tls: &Tls) -> Result<(), TlsError> {
    Terminator::new(tls).map(drop)
}

fn offer(tls: &Tls, tickets: &Arc<dyn ProducesTickets>) -> Result<Offer, TlsError> {
    let failed = |error: rustls::Error| TlsError(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificates = Arc::new(Certificates::open(&tls.certificates, &provider)?);
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificates.clone());
    config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
    config.ticketer = tickets.clone();
    Ok(Offer { config: Arc::new(config), certificates })
}

/// What a handshake has settled.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) is_http2: bool,
    certificate: usize,
    certificates: Arc<Certificates>,
}

impl Authority for Session {
    /// A browser may use one connection for all hosts of its certificate (RFC 9113 section 9.1.1). A host that has
    /// another certificate here is another tenant.
    fn is_for(&self, host: &str) -> bool {
        self.certificates.index(Some(host)) == self.certificate
    }
}
