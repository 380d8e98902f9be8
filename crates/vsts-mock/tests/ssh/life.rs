//! Starting and stopping: keys that stay, connections that are let end, and those that are cut.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vsts_mock::{MockServer, StartError};

use crate::client::Client;
use crate::message::{KEX, kexinit};
use crate::testbed::Testbed;

#[tokio::test(flavor = "multi_thread")]
async fn the_host_key_outlives_the_server() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let mut lines = Vec::new();
    for _ in 0..2 {
        let server = MockServer::builder().data_dir(dir.path()).start().await.expect("the server starts");
        let line = server.ready().known_hosts.clone().expect("SSH is listened for");
        lines.push(line.split_once(' ').expect("a host and a key").1.to_owned());
        server.stop().await;
    }
    assert_eq!(lines[0], lines[1]);
    assert!(lines[0].starts_with("ssh-ed25519 AAAA"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ecdsa_host_key_is_there_for_who_wants_one() {
    let testbed = Testbed::new().await;
    std::fs::write(testbed.path("known_hosts"), "").expect("a file is written");
    let careless = testbed.person("bob").ssh_option("-o StrictHostKeyChecking=accept-new");
    let careless = careless.ssh_option("-o HostKeyAlgorithms=ecdsa-sha2-nistp256");
    careless.git(&["ls-remote", &testbed.url("extra")]).await.ok();
    let known = std::fs::read_to_string(testbed.path("known_hosts")).expect("ssh wrote it");
    assert!(known.contains("ecdsa-sha2-nistp256"), "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_can_reach_has_to_be_allowed() {
    let anywhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let error = MockServer::builder().ssh(anywhere).start().await.expect_err("it is not allowed");
    assert!(matches!(error, StartError::Remote { address } if address == anywhere), "{error}");
    let allowed = MockServer::builder().seed_toml("allow_remote = true").expect("a seed");
    let server = allowed.ssh(anywhere).start().await.expect("it is allowed");
    assert!(server.ready().ssh.is_some());
    let without = MockServer::builder().ssh(None).start().await.expect("the server starts");
    assert_eq!((&without.ready().ssh, &without.ready().known_hosts), (&None, &None));
    let taken = server
        .ready()
        .ssh
        .as_deref()
        .expect("it listens")
        .trim_start_matches("ssh://")
        .parse()
        .expect("an address");
    let error = MockServer::builder()
        .seed_toml("allow_remote = true")
        .expect("a seed")
        .ssh(Some(taken))
        .start()
        .await;
    assert!(matches!(error, Err(StartError::Listen { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_a_conversation_end_and_cuts_one_that_does_not() {
    for talks in [true, false] {
        let drain = if talks { Duration::from_mins(5) } else { Duration::from_secs(1) };
        let testbed = Testbed::with(|builder| builder.drain(drain)).await;
        testbed.filled("extra").await;
        let (mut waiting, mut idle) =
            (Client::signed_in(&testbed, "bob").await, Client::signed_in(&testbed, "bob").await);
        let mut exec = waiting.exec("git-upload-pack '/iris/_git/extra'").await;
        exec.read_until("0000").await;
        let Testbed { server, dir } = testbed;
        let stopping = tokio::spawn(async move {
            server.stop().await;
            drop(dir);
        });
        // Who asks nothing is let go at once.
        assert!(idle.is_ended().await);
        if talks {
            exec.send(b"0000").await;
            assert_eq!(exec.ended().await.status, Some(0));
        } else {
            drop(exec);
        }
        assert!(waiting.is_ended().await);
        stopping.await.expect("the server stops");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_sign_in_or_ask_is_cut_in_time() {
    let handshake = Duration::from_secs(2);
    let testbed = Testbed::with(|builder| builder.ssh_timeouts(handshake, handshake)).await;
    let mut mute = Client::dial_silently(&testbed).await;
    let mut greeting = Client::dial(&testbed).await;
    let mut encrypted = Client::connect(&testbed).await;
    encrypted.ask_for_auth().await;
    let mut idle = Client::signed_in(&testbed, "bob").await;
    let mut rekeying = Client::signed_in(&testbed, "bob").await;
    rekeying.send(&kexinit(KEX).0).await.expect("it is sent");
    let dripping = Client::dial_silently(&testbed).await;
    let (mut reading, mut writing) = dripping.stream.into_split();
    let drip = async {
        // A byte now and then is not enough: the time to sign in counts as a whole.
        let mut pace = tokio::time::interval(handshake / 20);
        while writing.write_all(b"S").await.is_ok() {
            pace.tick().await;
        }
    };
    let mut heard = Vec::new();
    let ended = async {
        let _reset = reading.read_to_end(&mut heard).await.is_ok();
        for client in [&mut mute, &mut greeting, &mut encrypted, &mut idle, &mut rekeying] {
            assert!(client.is_ended().await);
        }
    };
    tokio::join!(drip, ended);
    assert!(heard.starts_with(b"SSH-2.0-vsts_mock_"), "{}", String::from_utf8_lossy(&heard));
    Client::signed_in(&testbed, "bob").await;
}
