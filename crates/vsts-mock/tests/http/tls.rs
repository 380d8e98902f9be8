//! HTTPS: stock git of every version trusts the server's own authority, and nothing else gets in.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, RootCertStore};
use vsts_mock::MockServer;

use crate::git::{Git, SEED, server_with};
use crate::running::Running;

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn server() -> Running {
    server_with(|builder| builder.https(any_port())).await
}

/// Returns the setting by which git trusts the server's authority.
fn trusting(dir: &TempDir, server: &MockServer) -> String {
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, server.ready().ca_pem.as_deref().expect("an authority")).expect("a file");
    format!("http.sslCAInfo={}", file.display())
}

/// A client that offers `protocols` and trusts the server's authority.
fn client(server: &MockServer, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let pem = server.ready().ca_pem.as_deref().expect("an authority");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// The answer to a request over TLS, and the kind of handshake.
struct Shaken {
    kind: Option<HandshakeKind>,
    protocol: Option<Vec<u8>>,
    answer: String,
}

async fn ask(
    server: &MockServer,
    config: &Arc<ClientConfig>,
    name: &str,
    path: &str,
) -> std::io::Result<Shaken> {
    let address =
        server.ready().https.as_deref().and_then(|url| url.strip_prefix("https://")).expect("HTTPS");
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut stream = TlsConnector::from(config.clone()).connect(name, stream).await?;
    let token = server.admin_token();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let connection = stream.get_ref().1;
    let protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
    Ok(Shaken { kind: connection.handshake_kind(), protocol, answer })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stock_git_clones_and_pushes_and_trusts_nobody_else() {
    let Running { server, dir } = server().await;
    let url = server.https_clone_url("acme", "iris", "extra").expect("it listens for HTTPS");
    let trust = trusting(&dir, &server);
    for (n, program) in Git::programs().into_iter().enumerate() {
        let git = Git::of(dir.path(), "alicepat").program(program);
        let output = git.run(&["ls-remote", &url]).await.fails();
        assert!(output.to_lowercase().contains("certificate"), "{program}: {output}");
        let alice = git.set(&trust).clone_to(&url, &format!("alice-{n}")).await;
        let id = alice.commit(&format!("file-{n}"), b"over TLS\n").await;
        alice.run(&["push", "-q", "origin", "master"]).await.ok();
        for host in ["localhost", "acme.localhost"] {
            let path = if host == "localhost" { "/acme/iris/_git/extra" } else { "/iris/_git/extra" };
            let port = url.split('/').nth(2).and_then(|host| host.rsplit(':').next()).expect("a port");
            let listed = alice
                .clone()
                .set(format!("http.curloptResolve={host}:{port}:127.0.0.1"))
                .run(&["ls-remote", &format!("https://{host}:{port}{path}"), "refs/heads/master"])
                .await;
            assert_eq!(listed.ok(), format!("{id}\trefs/heads/master\n"), "{program}, {host}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_in_answers_follow_the_scheme_that_was_asked() {
    let Running { server, dir: _dir } = server().await;
    let path = "/_mock/accounts/acme/projects/iris/repos/extra";
    let over_tls = ask(&server, &client(&server, &[]), "127.0.0.1", path).await.expect("an answer").answer;
    let head = format!(
        "GET {path} HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {}\n\n",
        server.admin_token()
    );
    let plain = crate::raw::send(server.url(), &head, Vec::new()).await;
    let url_in = |body: &str| {
        let body = body.split_once("\r\n\r\n").map_or(body, |(_, body)| body);
        serde_json::from_str::<Value>(body).expect("JSON")["cloneUrl"].as_str().map(str::to_owned)
    };
    assert_eq!(url_in(&over_tls), server.https_clone_url("acme", "iris", "extra"), "{over_tls}");
    assert_eq!(url_in(&plain.text()), Some(server.clone_url("acme", "iris", "extra")));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_resumed_and_http_1_1_is_what_is_spoken() {
    let Running { server, dir: _dir } = server().await;
    let config = client(&server, &[b"h2", b"http/1.1"]);
    let first = ask(&server, &config, "localhost", "/_mock/health").await.expect("an answer");
    assert_eq!(first.kind, Some(HandshakeKind::Full));
    assert_eq!(first.protocol.as_deref(), Some(&b"http/1.1"[..]));
    assert!(first.answer.starts_with("HTTP/1.1 200"), "{}", first.answer);
    let second = ask(&server, &config, "localhost", "/_mock/health").await.expect("an answer");
    assert_eq!(second.kind, Some(HandshakeKind::Resumed));
    let refused = ask(&server, &client(&server, &[b"h2"]), "localhost", "/").await;
    assert!(refused.is_err(), "h2 alone is not served");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_names_what_the_server_is_called() {
    let dir = TempDir::new().expect("a folder");
    let builder = MockServer::builder().https(any_port()).external_url("https://git.example:8443");
    let server = builder.data_dir(dir.path().join("data")).start().await.expect("the server starts");
    let config = client(&server, &[]);
    let rows = [
        ("localhost", true),
        ("acme.localhost", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("acme.visualstudio.com", true),
        ("git.example", true),
        ("acme.git.example", true),
        ("other.example", false),
        ("192.0.2.1", false),
    ];
    for (name, expected) in rows {
        let asked = ask(&server, &config, name, "/_mock/health").await;
        assert_eq!(asked.is_ok(), expected, "{name}: {:?}", asked.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_outlives_the_server_and_plain_bytes_end_a_connection() {
    let Running { server: first, dir } = server().await;
    let pem = first.ready().ca_pem.clone().expect("an authority");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    first.stop().await;
    let Running { server: again, dir: _dir } =
        Running::start(dir, SEED, |builder| builder.https(any_port())).await;
    assert_eq!(again.ready().ca_pem.as_ref(), Some(&pem));
    let address = again.ready().https.as_deref().and_then(|url| url.strip_prefix("https://")).expect("HTTPS");
    for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 4096], &[0x16, 3, 1, 0xff, 0xff]] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(bytes).await.expect("it takes bytes");
        stream.shutdown().await.expect("the end is told");
        let mut output = Vec::new();
        // An alert, a reset, or nothing: never an answer.
        let _reset = stream.read_to_end(&mut output).await;
        assert!(!output.starts_with(b"HTTP"), "{output:?}");
    }
    let config = client(&again, &[]);
    assert!(ask(&again, &config, "localhost", "/_mock/health").await.is_ok(), "it still answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_http_the_servers_urls_are_of_https() {
    let Running { server, dir: _dir } = server_with(|builder| builder.http(None).https(any_port())).await;
    assert_eq!(server.ready().http, None);
    assert_eq!(Some(server.url()), server.ready().https.as_deref());
    let open = MockServer::builder().https(SocketAddr::from(([0, 0, 0, 0], 0))).start().await;
    let error = open.expect_err("it is open to others");
    assert!(error.to_string().contains("allow_remote"), "{error}");
}
