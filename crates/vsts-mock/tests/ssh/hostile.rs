//! Bytes and messages that mean no good. Each row names where it comes from; after each the server
//! still serves.

use tokio::io::AsyncWriteExt as _;

use crate::client::Client;
use crate::message::{
    CHANNEL_CLOSE, CHANNEL_DATA, CHANNEL_OPEN, CHANNEL_REQUEST, Fields, IGNORE, KEX, KEX_ECDH_INIT, KEXINIT,
    Message, NEWKEYS, USERAUTH_REQUEST, WINDOW_ADJUST, kexinit,
};
use crate::testbed::Testbed;

/// The server still answers somebody else.
pub(crate) async fn still_serves(testbed: &Testbed, after: &str) {
    let mut client = Client::signed_in(testbed, "bob").await;
    let output = client.exec("git-upload-pack '/iris/_git/extra'").await.finish().await;
    assert!(output.status == Some(0) && output.out.contains("HEAD"), "after {after}: {output:?}");
}

/// Bytes sent in the clear, right after the connection is made, are refused.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_before_there_are_keys() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    let banner = [b"SSH-2.0-".to_vec(), vec![b'A'; 1 << 20]].concat();
    let lines = b"hello\r\n".repeat(10_000);
    let packet = |length: u32, rest: &[u8]| [&b"SSH-2.0-x\r\n"[..], &length.to_be_bytes(), rest].concat();
    let rows: [(&str, Vec<u8>); 10] = [
        ("an identification of 1 MB (russh GHSA-vgvv-x7xg-6cqg's kin)", banner),
        ("lines without end in front of it (RFC 4253, 4.2)", lines),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("version 1", b"SSH-1.5-x\r\n".to_vec()),
        ("not text", vec![0xff; 4096]),
        ("a packet of 4 GiB (RUSTSEC-2026-0154)", packet(u32::MAX, &[0; 64])),
        ("a packet of 2 GiB", packet(0x7fff_ffff, &[0; 64])),
        ("a packet without a body", packet(0, &[0; 64])),
        ("more padding than packet", packet(12, &[255, KEXINIT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("an empty message", packet(12, &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
    ];
    for (what, bytes) in rows {
        let mut client = Client::dial_silently(&testbed).await;
        // The server may hang up before it has all of it.
        let _sent = client.stream.write_all(&bytes).await.is_ok();
        let _ended = client.stream.shutdown().await.is_ok();
        assert!(client.is_ended().await, "{what}");
        still_serves(&testbed, what).await;
    }
}

/// Messages where they do not belong, and key exchanges that go wrong.
#[tokio::test(flavor = "multi_thread")]
async fn messages_out_of_order_and_bad_key_exchanges() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    let auth = Client::auth_request("acme", "none");
    let open = Message::new(CHANNEL_OPEN).string("session").number(0).number(1 << 20).number(32768);
    let start = kexinit(KEX);
    let init = |point: &[u8]| Message::new(KEX_ECDH_INIT).string(point);
    let mut short_list = Message::new(KEXINIT);
    short_list.0.extend([7; 16]);
    let rows: [(&str, Vec<Message>); 13] = [
        ("a channel before keys (pre-kex messages)", vec![open.clone()]),
        ("signing in before keys (pre-kex messages)", vec![auth.clone()]),
        ("signing in in the midst of the exchange", vec![start.clone(), auth]),
        ("new keys before there are any", vec![Message::new(NEWKEYS)]),
        ("new keys without an exchange", vec![start.clone(), Message::new(NEWKEYS)]),
        (
            "something before the offer (Terrapin, CVE-2023-48795)",
            vec![Message::new(IGNORE).string("x"), start.clone()],
        ),
        (
            "something between offer and new keys (Terrapin, CVE-2023-48795)",
            vec![start.clone(), Message::new(IGNORE).string("x"), init(&[9; 32])],
        ),
        ("a point that is too short (CVE-2026-73429)", vec![start.clone(), init(&[9; 31])]),
        ("a point that is too long (CVE-2026-73429)", vec![start.clone(), init(&[9; 33])]),
        ("no point (CVE-2026-73429)", vec![start.clone(), init(&[])]),
        ("a point of 30 KB (CVE-2026-73429)", vec![start, init(&[9; 30_000])]),
        ("an offer that is cut short", vec![short_list.string("curve25519-sha256")]),
        ("nothing in common", vec![kexinit("diffie-hellman-group1-sha1")]),
    ];
    for (what, messages) in rows {
        let mut client = Client::dial(&testbed).await;
        client.ident().await;
        for message in messages {
            let _sent = client.send(&message.0).await.is_ok();
        }
        let _ended = client.stream.shutdown().await.is_ok();
        assert!(client.is_ended().await, "{what}");
        still_serves(&testbed, what).await;
    }
}

/// The server offers strict key exchange, and nothing that is known to be weak.
#[tokio::test(flavor = "multi_thread")]
async fn the_offer_is_strict_and_has_nothing_weak() {
    let testbed = Testbed::new().await;
    let client = Client::connect(&testbed).await;
    let mut fields = Fields(&client.offer[17..]);
    let offer: Vec<String> = (0..10).map(|_| String::from_utf8_lossy(fields.string()).into_owned()).collect();
    let kex: Vec<&str> = offer[0].split(',').collect();
    // CVE-2023-48795 asks for it.
    assert!(kex.contains(&"kex-strict-s-v00@openssh.com"), "{kex:?}");
    assert!(kex.contains(&"curve25519-sha256") && kex.contains(&"mlkem768x25519-sha256"), "{kex:?}");
    assert_eq!(offer[1], "ssh-ed25519,ecdsa-sha2-nistp256");
    for name in offer.iter().flat_map(|list| list.split(',')) {
        let is_weak =
            ["sha1", "md5", "cbc", "arcfour", "3des", "dss", "zlib"].iter().any(|weak| name.contains(weak));
        assert!(!is_weak && name != "ssh-rsa", "{name} is offered");
    }
}

/// Messages of a signed-in client.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_somebody_who_is_signed_in() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    let line = "git-upload-pack '/iris/_git/extra'";
    // CVE-2025-54804: a window that overflows.
    let mut client = Client::signed_in(&testbed, "bob").await;
    let mut exec = client.exec(line).await;
    exec.read_until("0000").await;
    let channel = exec.channel;
    for _ in 0..3 {
        client
            .send(&Message::new(WINDOW_ADJUST).number(channel).number(u32::MAX).0)
            .await
            .expect("it is sent");
    }
    still_serves(&testbed, "a window that overflows").await;
    let output = client.exec(line).await.finish().await;
    assert_eq!(output.status, Some(0), "the same connection goes on: {output:?}");
    // Channels that were never opened, data for nobody, requests that are cut short.
    for (what, message) in [
        ("data for nobody", Message::new(CHANNEL_DATA).number(4_000_000_000).string("x")),
        ("a close of nothing", Message::new(CHANNEL_CLOSE).number(77)),
        ("a window of nothing", Message::new(WINDOW_ADJUST).number(77).number(1)),
        ("a request that is cut short", Message::new(CHANNEL_REQUEST).number(0)),
        ("data that is cut short", Message::new(CHANNEL_DATA).number(0).number(u32::MAX)),
        ("an unknown message", Message::new(191).string("x")),
        (
            "signing in twice",
            Message::new(USERAUTH_REQUEST).string("x").string("ssh-connection").string("none"),
        ),
    ] {
        let mut client = Client::signed_in(&testbed, "bob").await;
        client.send(&message.0).await.expect("it is sent");
        let _ended = client.stream.shutdown().await.is_ok();
        assert!(client.is_ended().await, "{what}");
        still_serves(&testbed, what).await;
    }
    // Data on a channel on which nothing was asked goes nowhere, and blocks nothing.
    let mut client = Client::signed_in(&testbed, "bob").await;
    let channel = client.open("session", &[]).await.expect("a channel");
    for _ in 0..200 {
        client
            .send(&Message::new(CHANNEL_DATA).number(channel).string([7; 8_000]).0)
            .await
            .expect("it is sent");
    }
    let output = client.exec(line).await.finish().await;
    assert_eq!(output.status, Some(0), "{output:?}");
}

/// Ten thousand channels: a few are open at once, and a connection has some in its life.
#[tokio::test(flavor = "multi_thread")]
async fn channels_are_counted() {
    let testbed = Testbed::new().await;
    let mut client = Client::signed_in(&testbed, "bob").await;
    let mut open = 0;
    while client.open("session", &[]).await.is_some() {
        open += 1;
        assert!(open < 100, "{open} channels are open at once");
    }
    let mut client = Client::signed_in(&testbed, "bob").await;
    let mut opened = 0;
    while let Some(channel) = client.open("session", &[]).await {
        client.send(&Message::new(CHANNEL_CLOSE).number(channel).0).await.expect("it is sent");
        client.wait_for(&[CHANNEL_CLOSE]).await;
        opened += 1;
        assert!(opened < 10_000, "{opened} channels were opened");
    }
    assert!(open >= 2 && opened >= 1_000, "{open} at once, {opened} in all");
    testbed.filled("extra").await;
    still_serves(&testbed, "ten thousand channels").await;
}

/// A key exchange that the client begins and never ends: nobody else waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_without_end() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    let mut client = Client::signed_in(&testbed, "bob").await;
    client.send(&kexinit(KEX).0).await.expect("it is sent");
    client.wait_for(&[KEXINIT]).await;
    // Then it goes on as if nothing were: that is against the protocol, and ends the connection.
    let open = Message::new(CHANNEL_OPEN).string("session").number(0).number(1 << 20).number(32768);
    for _ in 0..1_000 {
        if client.send(&open.0).await.is_err() {
            break;
        }
    }
    assert!(client.is_ended().await);
    still_serves(&testbed, "a rekey without end").await;
}
