//! Full handshakes of TLS 1.3, no session taken up again, with one request on each connection. wrk would take up the
//! session of the connection before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, version};

use crate::Failure;

pub(crate) async fn run(
    address: SocketAddr,
    host: &str,
    connections: usize,
    seconds: u64,
) -> Result<(), Failure> {
    let connector = TlsConnector::from(Arc::new(config()?));
    let name = ServerName::try_from(host.to_owned())?;
    let request: Arc<[u8]> =
        format!("GET /100 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").into_bytes().into();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (connector, name, request) = (connector.clone(), name.clone(), request.clone());
        clients.spawn(async move {
            let mut done = 0;
            while Instant::now() < end {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let mut stream = connector.connect(name.clone(), stream).await?;
                stream.write_all(&request).await?;
                let mut answer = Vec::with_capacity(1024);
                // Not everybody says that it ends before it does.
                stream.read_to_end(&mut answer).await.ok();
                if !answer.starts_with(b"HTTP/1.1 200 ") {
                    return Err("an answer is not as it should be".into());
                }
                done += 1;
            }
            Ok::<usize, Failure>(done)
        });
    }
    let mut done = 0;
    while let Some(each) = clients.join_next().await {
        done += each??;
    }
    println!("{done} handshakes");
    Ok(())
}

/// The same for whoever is asked: X25519, for not everybody has a newer exchange.
fn config() -> Result<ClientConfig, Failure> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Believes everybody: it is the other side whose work is measured.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
