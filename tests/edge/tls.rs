//! TLS at the listeners of the real binary: who gets which certificate, and what a change of them does.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, StatusCode};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, ProtocolVersion, SignatureScheme};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::binary_kit::{Answer, Gateway, Scene, wakegate};
use crate::proxy_kit::{TestBody, full, soon};

const IN_FORCE: &str = "the new configuration is in force";

// === Certificates ===

pub(crate) fn certificate(names: &[&str]) -> CertifiedKey<KeyPair> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    generate_simple_self_signed(names).unwrap()
}

/// Writes them beside the configuration, as `NAME.pem` and `NAME.key`.
pub(crate) fn put(scene: &Scene, name: &str, certificate: &CertifiedKey<KeyPair>) {
    for (file, text) in [
        (format!("{name}.key"), certificate.signing_key.serialize_pem()),
        (format!("{name}.pem"), certificate.cert.pem()),
    ] {
        let new = scene.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, scene.path().join(file)).unwrap();
    }
}

pub(crate) fn files(name: &str) -> Value {
    json!({ "certificate": format!("{name}.pem"), "key": format!("{name}.key") })
}

/// Says by its body that it was here.
fn config(tls: &Value) -> Value {
    json!({
        "listeners": [{ "address": "127.0.0.1:0", "tls": tls }],
        "admin": { "address": "127.0.0.1:0" },
        "services": {},
        "routes": [{ "respond": { "status": 200, "body": "here" } }],
    })
}

// === A client that looks at certificates without believing or doubting them ===

#[derive(Debug)]
struct Whatever(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Whatever {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

pub(crate) fn client(alpn: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
    let provider = aws_lc_rs::default_provider();
    let verifier = Arc::new(Whatever(provider.signature_verification_algorithms));
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(versions).unwrap().dangerous();
    let mut config = builder.with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

async fn shake(to: SocketAddr, name: &str, config: ClientConfig) -> TlsStream<TcpStream> {
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(to).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    soon(connector.connect(name, stream)).await.unwrap()
}

/// The certificate that a name gets.
async fn shown(to: SocketAddr, name: &str) -> CertificateDer<'static> {
    let stream = shake(to, name, client(&[], &[&TLS13])).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

fn get(host: &str) -> Request<TestBody> {
    Request::get("/").header("host", host).body(full("")).unwrap()
}

/// An HTTP/1.1 connection that can be used again and again.
pub(crate) async fn http1(to: SocketAddr, name: &str) -> http1::SendRequest<TestBody> {
    let stream = shake(to, name, client(&["http/1.1"], &[&TLS13])).await;
    let (send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    send
}

async fn ask(send: &mut http1::SendRequest<TestBody>, host: &str) -> Answer {
    Answer::of(soon(send.send_request(get(host))).await.unwrap()).await
}

async fn start(scene: &Scene, tls: &Value) -> Gateway {
    scene.start(&config(tls)).await
}

// === The tests ===

#[tokio::test]
async fn both_versions_of_tls_and_of_http_are_spoken() {
    let scene = Scene::new();
    put(&scene, "a", &certificate(&["a.example"]));
    let gateway = start(&scene, &files("a")).await;
    for (version, is) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for (offered, chosen) in [
            (&["h2", "http/1.1"][..], Some("h2")),
            (&["http/1.1"], Some("http/1.1")),
            // HTTP/1.1 is what is spoken where nothing is said.
            (&[], None),
        ] {
            let stream = shake(gateway.address, "a.example", client(offered, &[version])).await;
            let connection = stream.get_ref().1;
            assert_eq!(connection.protocol_version(), Some(is));
            assert_eq!(connection.alpn_protocol(), chosen.map(str::as_bytes));
            let io = TokioIo::new(stream);
            let response = if chosen == Some("h2") {
                let (mut send, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
                tokio::spawn(connection);
                let request = Request::get("https://a.example/").body(full("")).unwrap();
                soon(send.send_request(request)).await.unwrap()
            } else {
                let (mut send, connection) = http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                soon(send.send_request(get("a.example"))).await.unwrap()
            };
            assert_eq!(Answer::of(response).await.body, "here", "{is:?} {chosen:?}");
        }
    }
}

#[tokio::test]
async fn a_name_gets_its_certificate_and_its_connection_serves_no_other_tenant() {
    let scene = Scene::new();
    let (a, b) = (certificate(&["a.example", "www.a.example"]), certificate(&["*.b.example", "b.example"]));
    put(&scene, "a", &a);
    put(&scene, "b", &b);
    let gateway = start(&scene, &json!([files("a"), files("b")])).await;
    let to = gateway.address;
    for (name, is) in [
        ("a.example", &a),
        ("www.a.example", &a),
        ("b.example", &b),
        ("X.B.example", &b),
        // One label stands in the place of the star.
        ("x.y.b.example", &a),
        ("elsewhere.example", &a),
    ] {
        assert_eq!(shown(to, name).await, *is.cert.der(), "{name}");
    }
    let mut send = http1(to, "x.b.example").await;
    assert_eq!(ask(&mut send, "x.b.example").await.body, "here");
    assert_eq!(ask(&mut send, "Other.b.example:8443").await.body, "here", "the same certificate is for it");
    for host in ["a.example", "elsewhere.example"] {
        ask(&mut send, host).await.is_problem(421, "misdirected");
    }
    assert_eq!(ask(&mut send, "b.example").await.body, "here", "the connection goes on");
}

#[tokio::test]
async fn changed_files_are_taken_over_and_no_connection_is_lost() {
    let scene = Scene::new();
    let (old, new) = (certificate(&["a.example"]), certificate(&["a.example"]));
    put(&scene, "a", &old);
    let gateway = start(&scene, &files("a")).await;
    let to = gateway.address;
    let mut send = http1(to, "a.example").await;
    assert_eq!(ask(&mut send, "a.example").await.body, "here");
    // The key comes first: for a moment the two do not fit, and the old ones stay in force.
    put(&scene, "a", &new);
    while shown(to, "a.example").await != *new.cert.der() {}
    assert_eq!(ask(&mut send, "a.example").await.body, "here", "over the old connection");

    std::fs::write(scene.path().join("a.key"), "nonsense").unwrap();
    gateway.logs("has no private key").await;
    assert_eq!(shown(to, "a.example").await, *new.cert.der(), "what cannot be used is not taken over");
    assert!(gateway.count(IN_FORCE) > 0);
}

#[tokio::test]
async fn sessions_are_resumed_across_a_change_of_certificates() {
    let scene = Scene::new();
    put(&scene, "a", &certificate(&["a.example"]));
    let gateway = start(&scene, &files("a")).await;
    let to = gateway.address;
    // TLS 1.2 has its ticket at the end of the handshake.
    let config = client(&["http/1.1"], &[&TLS12]);
    let first = shake(to, "a.example", config.clone()).await;
    assert_eq!(first.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    let again = shake(to, "a.example", config.clone()).await;
    assert_eq!(again.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
    put(&scene, "a", &certificate(&["a.example"]));
    gateway.logs(IN_FORCE).await;
    let again = shake(to, "a.example", config).await;
    assert_eq!(again.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[tokio::test]
async fn certificates_may_come_from_variables() {
    let scene = Scene::new();
    let a = certificate(&["a.example"]);
    let path = scene.write(&config(&json!({ "certificate": "${CHAIN}", "key": "${KEY}" })).to_string());
    let mut command = wakegate(&["serve", "--config"]);
    command.arg(path).env("CHAIN", a.cert.pem()).env("KEY", a.signing_key.serialize_pem());
    let mut gateway = Gateway::spawn(&mut command);
    gateway.listens().await;
    assert_eq!(shown(gateway.address, "a.example").await, *a.cert.der());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_at_the_start() {
    let scene = Scene::new();
    put(&scene, "a", &certificate(&["a.example"]));
    put(&scene, "b", &certificate(&["b.example"]));
    std::fs::write(scene.path().join("empty.pem"), "").unwrap();
    for (certificate, key, says) in [
        ("none.pem", "a.key", "none.pem cannot be read"),
        ("empty.pem", "a.key", "empty.pem has no certificate"),
        ("a.pem", "a.pem", "a.pem has no private key"),
        ("a.pem", "b.key", "b.key is not that of the certificate of"),
    ] {
        let config = config(&json!({ "certificate": certificate, "key": key })).to_string();
        for verb in ["check", "serve"] {
            let ran = scene.run(&[verb], &config).await;
            assert!(ran.err.contains(says), "{verb}: {ran:?}");
            assert_eq!(ran.code, 64, "{verb}: {ran:?}");
        }
    }
}

#[tokio::test]
async fn who_does_not_speak_tls_is_let_go() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let scene = Scene::new();
    put(&scene, "a", &certificate(&["a.example"]));
    let gateway = start(&scene, &files("a")).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    // A TLS alert, or nothing; no HTTP.
    drop(soon(stream.read_to_end(&mut said)).await);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    let mut send = http1(gateway.address, "a.example").await;
    assert_eq!(ask(&mut send, "a.example").await.status, StatusCode::OK);
}

#[tokio::test]
async fn plain_http_is_sent_to_https_for_the_hosts_of_certificates_alone() {
    let scene = Scene::new();
    put(&scene, "a", &certificate(&["a.example", "*.b.example"]));
    let mut config = config(&files("a"));
    let plain = |port| json!({ "address": "127.0.0.1:0", "redirect_to_https": port });
    config["listeners"].as_array_mut().unwrap().insert(0, plain(443));
    let gateway = scene.start(&config).await;
    for (host, path, location) in [
        ("a.example", "/", "https://a.example/"),
        ("A.example:80", "/x/y?z=%20&//", "https://a.example/x/y?z=%20&//"),
        ("x.b.example", "//evil.example/", "https://x.b.example//evil.example/"),
    ] {
        let request = Request::post(path).header("host", host).body(full("body")).unwrap();
        let answer = gateway.ask(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (308, location), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for host in ["evil.example", "x.a.example", "127.0.0.1"] {
        gateway.ask(get(host)).await.is_problem(421, "misdirected");
    }
    gateway.ask(get("a.example@evil.example")).await.is_problem(400, "bad_request");

    // What a proxy took from a client by HTTPS is not sent in a circle; from anybody else the word counts for nothing.
    let by_https = || {
        Request::get("/")
            .header("host", "a.example")
            .header("x-forwarded-proto", "https")
            .body(full(""))
            .unwrap()
    };
    assert_eq!(gateway.ask(by_https()).await.status, 308);
    config["trusted_proxies"] = json!(["127.0.0.0/8"]);
    let behind = Scene::new();
    put(&behind, "a", &certificate(&["a.example"]));
    let behind_proxy = behind.start(&config).await;
    behind_proxy.ask(by_https()).await.is_problem(400, "bad_request");
    assert_eq!(behind_proxy.ask(get("a.example")).await.status, 308);

    for (listeners, says) in [
        (json!([plain(443)]), "needs a listener with `tls`"),
        (
            json!([{ "address": "127.0.0.1:0", "tls": files("a"), "redirect_to_https": 443 }]),
            "goes without `tls`",
        ),
        (
            json!([plain(0), { "address": "127.0.0.1:0", "tls": files("a") }]),
            "is the port that clients reach",
        ),
    ] {
        config["listeners"] = listeners;
        let ran = scene.run(&["check"], &config.to_string()).await;
        assert!(ran.code == 64 && ran.err.contains(says), "{ran:?}");
    }
}
