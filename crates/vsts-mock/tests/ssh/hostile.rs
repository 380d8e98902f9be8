//! Bytes, keys, commands and variables that mean no good. Each row names where it comes from; after each the server
//! still serves.

use tokio::io::AsyncWriteExt as _;

use crate::client::{
    CHANNEL_CLOSE, CHANNEL_DATA, CHANNEL_OPEN, Client, Fields, IGNORE, KEX, KEX_ECDH_INIT, KEXINIT, Message,
    NEWKEYS, USERAUTH_FAILURE, USERAUTH_REQUEST, WINDOW_ADJUST, kexinit,
};
use crate::people::{World, make_key};

/// The server still answers somebody else.
async fn still_serves(world: &World, after: &str) {
    let mut client = Client::signed_in(world, "bob").await;
    let said = client.exec("git-upload-pack '/iris/_git/extra'").await.finish().await;
    assert!(said.status == Some(0) && said.out.contains("HEAD"), "after {after}: {said:?}");
}

/// What is sent in the clear, right after the connection is made.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_before_there_are_keys() {
    let world = World::new().await;
    world.filled("extra").await;
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
        let mut client = Client::dial_silently(&world).await;
        // The server may hang up before it has all of it.
        let _sent = client.stream.write_all(&bytes).await.is_ok();
        let _ended = client.stream.shutdown().await.is_ok();
        assert!(client.is_ended().await, "{what}");
        still_serves(&world, what).await;
    }
}

/// Messages where they do not belong, and key exchanges that go wrong.
#[tokio::test(flavor = "multi_thread")]
async fn messages_out_of_order_and_bad_key_exchanges() {
    let world = World::new().await;
    world.filled("extra").await;
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
        let mut client = Client::dial(&world).await;
        client.ident().await;
        for message in messages {
            let _sent = client.send(&message.0).await.is_ok();
        }
        let _ended = client.stream.shutdown().await.is_ok();
        assert!(client.is_ended().await, "{what}");
        still_serves(&world, what).await;
    }
}

/// What the server offers: strict key exchange, and nothing that is known to be weak.
#[tokio::test(flavor = "multi_thread")]
async fn the_offer_is_strict_and_has_nothing_weak() {
    let world = World::new().await;
    let client = Client::connect(&world).await;
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

/// After keys, before a signature: methods that are not there, and keys that do not fit.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_with_anything_but_ones_own_key() {
    let world = World::new().await;
    world.filled("extra").await;
    let nonsense = Message::default().string("nonsense@example.com").string("x").0;
    let rows = [
        ("none", Client::auth_request("acme", "none")),
        ("a password", Client::auth_request("acme", "password").byte(0).string("alice-password")),
        ("a new password", Client::auth_request("acme", "password").byte(1).string("a").string("b")),
        (
            "a dialogue (russh #600)",
            Client::auth_request("acme", "keyboard-interactive").string("").string(""),
        ),
        (
            "a host's key",
            Client::auth_request("acme", "hostbased")
                .string("ssh-ed25519")
                .string("x")
                .string("h")
                .string("u")
                .string("s"),
        ),
        ("a method that is none", Client::auth_request("acme", "\u{1b}[2Jnonsense")),
        (
            "an algorithm that is none",
            Client::auth_request("acme", "publickey")
                .byte(0)
                .string("nonsense@example.com")
                .string(&nonsense),
        ),
    ];
    for (what, request) in rows {
        let mut client = Client::connect(&world).await;
        client.ask_for_auth().await;
        client.send(&request.0).await.expect("it is sent");
        let answer = client.wait_for(&[USERAUTH_FAILURE]).await;
        assert_eq!(Fields(&answer[1..]).string(), b"publickey", "{what}");
    }
    let path = |name: &str| world.path(name);
    // soft-serve CVE-2026-24058: the owner's key is offered without a signature, then another signs.
    let mut client = Client::connect(&world).await;
    client.ask_for_auth().await;
    assert!(client.offer_key("acme", &path("alice")).await);
    assert!(!client.sign_as("acme", &path("alice"), &path("bob")).await, "another's signature");
    assert!(client.offer_key("acme", &path("alice")).await);
    assert!(client.sign_as("acme", &path("bob"), &path("bob")).await);
    let said = client.exec("git-receive-pack '/iris/_git/extra'").await.ended().await;
    assert!(said.err.contains("identity 'bob'") && said.status == Some(1), "{said:?}");
    // A key that nobody registered is turned down whether it signs or not.
    let mut client = Client::connect(&world).await;
    client.ask_for_auth().await;
    assert!(!client.offer_key("acme", &path("stranger")).await);
    assert!(!client.sign_as("acme", &path("stranger"), &path("stranger")).await);
    // Whoever goes on trying is shown the door.
    let mut tries = 0;
    while client.send(&Client::auth_request("acme", "none").0).await.is_ok() && tries < 100 {
        tries += 1;
        match client.receive().await {
            Ok(answer) if answer[0] == USERAUTH_FAILURE => {}
            _ => break,
        }
    }
    assert!(tries < 10, "{tries} tries");
    still_serves(&world, "signing in").await;
}

/// The same with the stock client: it offers the owner's public key, which it cannot sign with, and then its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_that_lies_about_does_not_help() {
    let world = World::new().await;
    std::fs::copy(world.path("alice.pub"), world.path("found.pub")).expect("a copy");
    let bob = world.person("bob").ssh_option(&format!("-i {}", world.path("found.pub").display()));
    let said = bob.ssh(&world.port(), &[], Some("git-receive-pack '/iris/_git/extra'")).await;
    assert!(said.err.contains("identity 'bob'"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_no_key() {
    let world = World::new().await;
    make_key(world.dir.path(), "authority", &["-t", "ed25519"]);
    let mut sign = std::process::Command::new("ssh-keygen");
    sign.args(["-q", "-s", "authority", "-I", "alice", "-n", "acme,alice", "alice.pub"])
        .current_dir(world.dir.path());
    assert!(sign.status().expect("ssh-keygen starts").success());
    let alice = world.person("alice");
    let certified = alice.clone().ssh_option("-o PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com");
    let said = certified.git(&["ls-remote", &world.url("extra")]).await.fails();
    assert!(said.contains("Permission denied (publickey)"), "{said}");
    alice.git(&["ls-remote", &world.url("extra")]).await.ok();
}

/// Messages of a signed-in client.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_somebody_who_is_signed_in() {
    let world = World::new().await;
    world.filled("extra").await;
    let line = "git-upload-pack '/iris/_git/extra'";
    // CVE-2025-54804: a window that overflows.
    let mut client = Client::signed_in(&world, "bob").await;
    let mut exec = client.exec(line).await;
    exec.read_until("0000").await;
    let channel = exec.channel;
    for _ in 0..3 {
        client
            .send(&Message::new(WINDOW_ADJUST).number(channel).number(u32::MAX).0)
            .await
            .expect("it is sent");
    }
    still_serves(&world, "a window that overflows").await;
    let said = client.exec(line).await.finish().await;
    assert_eq!(said.status, Some(0), "the same connection goes on: {said:?}");
    // Channels that were never opened, data for nobody, requests that are cut short.
    for (what, message) in [
        ("data for nobody", Message::new(CHANNEL_DATA).number(4_000_000_000).string("x")),
        ("a close of nothing", Message::new(CHANNEL_CLOSE).number(77)),
        ("a window of nothing", Message::new(WINDOW_ADJUST).number(77).number(1)),
        ("a request that is cut short", Message::new(crate::client::CHANNEL_REQUEST).number(0)),
        ("data that is cut short", Message::new(CHANNEL_DATA).number(0).number(u32::MAX)),
        ("an unknown message", Message::new(191).string("x")),
        (
            "signing in twice",
            Message::new(USERAUTH_REQUEST).string("x").string("ssh-connection").string("none"),
        ),
    ] {
        let mut client = Client::signed_in(&world, "bob").await;
        client.send(&message.0).await.expect("it is sent");
        let _ended = client.stream.shutdown().await.is_ok();
        assert!(client.is_ended().await, "{what}");
        still_serves(&world, what).await;
    }
    // Data on a channel on which nothing was asked goes nowhere, and blocks nothing.
    let mut client = Client::signed_in(&world, "bob").await;
    let channel = client.open("session", &[]).await.expect("a channel");
    for _ in 0..200 {
        client
            .send(&Message::new(CHANNEL_DATA).number(channel).string([7; 8_000]).0)
            .await
            .expect("it is sent");
    }
    let said = client.exec(line).await.finish().await;
    assert_eq!(said.status, Some(0), "{said:?}");
}

/// Ten thousand channels: a few are open at once, and a connection has some in its life.
#[tokio::test(flavor = "multi_thread")]
async fn channels_are_counted() {
    let world = World::new().await;
    let mut client = Client::signed_in(&world, "bob").await;
    let mut open = 0;
    while client.open("session", &[]).await.is_some() {
        open += 1;
        assert!(open < 100, "{open} channels are open at once");
    }
    let mut client = Client::signed_in(&world, "bob").await;
    let mut opened = 0;
    while let Some(channel) = client.open("session", &[]).await {
        client.send(&Message::new(CHANNEL_CLOSE).number(channel).0).await.expect("it is sent");
        client.wait_for(&[CHANNEL_CLOSE]).await;
        opened += 1;
        assert!(opened < 10_000, "{opened} channels were opened");
    }
    assert!(open >= 2 && opened >= 1_000, "{open} at once, {opened} in all");
    world.filled("extra").await;
    still_serves(&world, "ten thousand channels").await;
}

/// A key exchange that the client begins and never ends: nobody else waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_without_end() {
    let world = World::new().await;
    world.filled("extra").await;
    let mut client = Client::signed_in(&world, "bob").await;
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
    still_serves(&world, "a rekey without end").await;
}

/// Commands that are none.
#[tokio::test(flavor = "multi_thread")]
async fn commands_that_would_like_to_be_more() {
    let world = World::new().await;
    world.filled("extra").await;
    let long = format!("git-upload-pack '/{}'", "x".repeat(20_000));
    let rows: [(&str, &str, &str); 21] = [
        ("Gogs CVE-2022-1993", "git-upload-pack '../x'", "TF401019"),
        ("Gogs CVE-2022-1993", "git-upload-pack '/acme/../../etc/passwd'", "TF401019"),
        ("Gogs CVE-2026-52806", "git-upload-pack --help", "one argument"),
        ("Gogs CVE-2026-52806", "git-upload-pack '--upload-pack=id'", "one argument"),
        ("CVE-2017-1000117", "git-upload-pack '-oProxyCommand=id'", "one argument"),
        ("dulwich #2254", "git-receive-pack 'x'; id", "one argument"),
        ("dulwich #2254", "git-receive-pack 'x' && id", "one argument"),
        ("dulwich #2254", "git-receive-pack $(id)", "one argument"),
        ("dulwich #2254", "git-receive-pack `id`", "one argument"),
        ("dulwich #2254", "git-receive-pack '$(id)'", "TF401019"),
        ("dulwich #2254", "git-receive-pack 'x\nid'", "not plain text"),
        ("go-git CVE-2026-45570", "git-upload-pack ''\\''; id; '\\'''", "TF401019"),
        ("go-git CVE-2026-45570", "git-upload-pack ''\\''; id'", "TF401019"),
        ("go-git CVE-2026-45570", "git-upload-pack '/x'\\''", "one argument"),
        ("two arguments", "git-upload-pack '/iris/_git/extra' '/iris/_git/iris'", "one argument"),
        ("git-upload-archive", "git-upload-archive '/iris/_git/extra'", "Only git-upload-pack"),
        ("git-lfs-authenticate", "git-lfs-authenticate 'iris/_git/extra' download", "Only git-upload-pack"),
        ("scp", "scp -t /tmp", "Only git-upload-pack"),
        ("sftp", "/usr/lib/openssh/sftp-server", "Only git-upload-pack"),
        ("an empty command", "", "Only git-upload-pack"),
        ("a long command", &long, "too long"),
    ];
    let mut client = Client::signed_in(&world, "alice").await;
    for (source, line, words) in rows {
        let said = client.exec(line).await.ended().await;
        assert!(said.err.starts_with("remote: ") && said.err.contains(words), "{source}: {line}: {said:?}");
        assert_eq!((said.status, said.out.as_str()), (Some(1), ""), "{source}: {line}");
        assert!(!said.err.contains('\u{1b}') && said.err.lines().count() == 1, "{said:?}");
    }
    // In the other spelling it is served.
    let said = client.exec("git upload-pack '/iris/_git/extra'").await.finish().await;
    assert_eq!(said.status, Some(0), "{said:?}");
    // 1 MB is more than a packet may have.
    let channel = client.open("session", &[]).await.expect("a channel");
    let exec = Message::new(crate::client::CHANNEL_REQUEST).number(channel).string("exec").byte(1);
    let _sent = client.send(&exec.string(vec![b'x'; 1 << 20]).0).await.is_ok();
    assert!(client.is_ended().await);
    still_serves(&world, "a command of 1 MB").await;
}

/// Environment variables: one is taken, and means what it says.
#[tokio::test(flavor = "multi_thread")]
async fn variables_that_would_like_to_be_more() {
    let world = World::new().await;
    world.filled("extra").await;
    let rows = [
        ("Gogs CVE-2024-39930", "--split-string", "id", false),
        ("Gogs CVE-2024-39930", "--split-string=id", "", false),
        ("a library", "LD_PRELOAD", "/tmp/x.so", false),
        ("configuration", "GIT_CONFIG_COUNT", "1", false),
        ("configuration", "GIT_CONFIG_KEY_0", "core.pager", false),
        ("a wrapper", "GIT_EXEC_PATH", "/tmp", false),
        ("a locale", "LANG", "C", false),
        ("another spelling", "git_protocol", "version=2", false),
        ("a long value", "GIT_PROTOCOL", &"version=2:".repeat(7_000), false),
        ("shell text", "GIT_PROTOCOL", "version=2; $(id) `id`", true),
        ("a version that is none", "GIT_PROTOCOL", "version=9:nonsense", true),
        ("two versions", "GIT_PROTOCOL", "version=1:version=2", true),
    ];
    let mut client = Client::signed_in(&world, "bob").await;
    for (source, name, value, is_taken) in rows {
        let channel = client.open("session", &[]).await.expect("a channel");
        let env = Message::default().string(name).string(value);
        assert_eq!(client.request(channel, "env", &env.0).await, is_taken, "{source}: {name}");
        let line = Message::default().string("git-upload-pack '/iris/_git/extra'");
        assert!(client.request(channel, "exec", &line.0).await, "{source}");
        let said = client.resume(channel).finish().await;
        assert_eq!(said.status, Some(0), "{source}: {said:?}");
        assert_eq!(said.out.contains("version 2"), value == "version=1:version=2", "{source}: {said:?}");
    }
}
