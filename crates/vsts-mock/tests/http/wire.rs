//! Bodies and framing: compressed, in chunks, announced, cut off, and wrong.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::git::{filled, server, server_with};
use crate::raw::{self, chunked, lines};
use crate::running::Running;

const LS_REFS: &[&str] = &["command=ls-refs\n", "object-format=sha1", "0001", "ref-prefix refs/heads/\n"];

fn head(path: &str, more: &str) -> String {
    format!(
        "POST /acme/iris/_git/extra/{path} HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer alicepat\n\
         Content-Type: application/x-{path}-request\nGit-Protocol: version=2\n{more}\n\n"
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory succeeds");
    encoder.finish().expect("writing to memory succeeds")
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_plain_compressed_and_in_chunks() {
    let Running { server, dir } = server().await;
    let (_, id) = filled(&server, &dir, "extra").await;
    let (plain, packed) = (lines(LS_REFS), gzip(&lines(LS_REFS)));
    let rows = [
        (format!("Content-Length: {}", plain.len()), plain.clone()),
        ("Transfer-Encoding: chunked".to_owned(), chunked(&plain, 7)),
        (format!("Content-Encoding: gzip\nContent-Length: {}", packed.len()), packed.clone()),
        ("Content-Encoding: gzip\nTransfer-Encoding: chunked".to_owned(), chunked(&packed, 5)),
    ];
    for (more, body) in rows {
        let reply = raw::send(server.url(), &head("git-upload-pack", &more), body).await;
        assert_eq!(reply.status, 200, "{more}: {}", reply.text());
        assert!(
            reply.head.contains("content-type: application/x-git-upload-pack-result\r\n"),
            "{}",
            reply.head
        );
        assert!(reply.head.contains("cache-control: no-cache"), "{}", reply.head);
        assert!(reply.text().contains(&format!("{id} refs/heads/master")), "{more}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_body_is_asked_for_once_the_request_is_allowed() {
    let Running { server, dir: _dir } = server().await;
    let url = server.url().to_owned();
    let body = lines(LS_REFS);
    let expect = format!("Expect: 100-continue\nContent-Length: {}", body.len());
    let (good, bad) =
        (head("git-upload-pack", &expect), head("git-upload-pack", &expect).replace("alicepat", "wrong"));
    let exchange = tokio::task::spawn_blocking(move || {
        let ask = |head: &str| {
            let mut stream = raw::connect(&url);
            stream.write_all(head.replace('\n', "\r\n").as_bytes()).expect("the head is sent");
            BufReader::new(stream)
        };
        assert_eq!(raw::read(&mut ask(&bad)).status, 401, "refused before the body is sent");
        let mut stream = ask(&good);
        assert_eq!(raw::read(&mut stream).status, 100);
        stream.get_mut().write_all(&body).expect("the body is sent");
        assert_eq!(raw::read(&mut stream).status, 200);
    });
    exchange.await.expect("the exchange ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_do_no_harm() {
    let Running { server, dir } = server().await;
    filled(&server, &dir, "extra").await;
    let (upload, receive) = ("git-upload-pack", "git-receive-pack");
    let with = |path: &str, more: &str, body: &[u8]| {
        (head(path, &format!("{more}\nContent-Length: {}", body.len())), body.to_vec())
    };
    let bomb = gzip(&vec![b'0'; 80 << 20]);
    let mut cut = gzip(&lines(LS_REFS));
    cut.truncate(cut.len() / 2);
    let form = head(upload, "Content-Length: 0")
        .replace("application/x-git-upload-pack-request", "application/x-www-form-urlencoded");
    let rows: Vec<(&str, (String, Vec<u8>))> = vec![
        ("nothing", with(upload, "X: y", b"")),
        ("a flush", with(upload, "X: y", b"0000")),
        ("no packet", with(upload, "X: y", b"zzzz")),
        ("a packet of three", with(upload, "X: y", b"0003")),
        ("a packet cut off", with(upload, "X: y", b"00ff")),
        ("a packet too long", with(upload, "X: y", b"ffffx")),
        ("an unknown command", with(upload, "X: y", &lines(&["command=sing"]))),
        ("not gzip", with(upload, "Content-Encoding: gzip", b"hello")),
        ("cut gzip", with(upload, "Content-Encoding: gzip", &cut)),
        ("a bomb", with(upload, "Content-Encoding: gzip", &bomb)),
        ("deflate", with(upload, "Content-Encoding: deflate", b"")),
        ("a form", (form, Vec::new())),
        ("a push of nothing", with(receive, "X: y", b"0000")),
        ("a push of noise", with(receive, "X: y", b"hello")),
        (
            "two lengths",
            (head(upload, "Content-Length: 4\nTransfer-Encoding: chunked"), b"0\r\n\r\n".to_vec()),
        ),
        ("a bad chunk", (head(upload, "Transfer-Encoding: chunked"), b"-1\r\n\r\n".to_vec())),
        ("a huge chunk", (head(upload, "Transfer-Encoding: chunked"), b"ffffffffffffffff1\r\n".to_vec())),
    ];
    for (what, (head, body)) in rows {
        let reply = raw::send(server.url(), &head, body).await;
        assert!(reply.status < 500, "{what}: {} {}", reply.status, reply.text());
    }
    let body = lines(LS_REFS);
    let more = format!("Content-Length: {}", body.len());
    let reply = raw::send(server.url(), &head(upload, &more), body).await;
    assert_eq!(reply.status, 200, "it still answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_for_what_is_in_progress_but_not_for_ever() {
    let drain = Duration::from_millis(200);
    let Running { server, dir: _dir } = server_with(|builder| builder.drain(drain)).await;
    let mut half_a_request = raw::connect(server.url());
    let head = head("git-upload-pack", "Content-Length: 100").replace('\n', "\r\n");
    half_a_request.write_all(head.as_bytes()).expect("the head is sent");
    half_a_request.write_all(b"0014command").expect("some of the body is sent");
    let url = server.url().to_owned();
    let stopped = tokio::time::timeout(Duration::from_secs(20), server.stop()).await;
    assert!(stopped.is_ok(), "it stops");
    assert!(TcpStream::connect(url.trim_start_matches("http://")).is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_cut_off_leaves_nothing() {
    let Running { server, dir } = server().await;
    let (alice, old) = filled(&server, &dir, "extra").await;
    let command = format!("{old} {} refs/heads/master\0report-status", "1".repeat(40));
    let mut body = lines(&[&command]);
    body.extend(b"PACK\0\0\0\x02\0\0\0\x05");
    let announced = format!("Content-Length: {}", body.len() + 1000);
    let (url, head) = (server.url().to_owned(), head("git-receive-pack", &announced));
    let sent = tokio::task::spawn_blocking(move || {
        let mut stream = raw::connect(&url);
        stream.write_all(head.replace('\n', "\r\n").as_bytes()).expect("the head is sent");
        stream.write_all(&body).expect("some of the body is sent");
    });
    sent.await.expect("sent");
    assert_eq!(
        alice.run(&["ls-remote", "origin", "refs/heads/master"]).await.ok(),
        format!("{old}\trefs/heads/master\n")
    );
    server.stop().await;
}
