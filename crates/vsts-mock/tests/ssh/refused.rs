//! All that is not Git's two commands: refused, in words where somebody is there to read them.

use crate::client::Client;
use crate::message::{CHANNEL_REQUEST, GLOBAL_REQUEST, Message, REQUEST_FAILURE};
use crate::testbed::Testbed;

/// ssh's options, the command, words on the error stream, the exit code.
type Row<'a> = (&'a [&'a str], Option<&'a str>, &'a str, Option<i32>);

#[tokio::test(flavor = "multi_thread")]
async fn no_shell_no_terminal_no_subsystem_no_forwarding() {
    let testbed = Testbed::new().await;
    let (alice, port) = (testbed.person("alice"), testbed.port());
    let shell = "remote: Shell access is not supported.\n";
    let rows: [Row<'_>; 9] = [
        (&["-T"], None, shell, Some(1)),
        (&["-tt"], None, "PTY allocation request failed on channel 0", Some(255)),
        (&[], Some("id"), "remote: Only git-upload-pack and git-receive-pack are answered here.\n", Some(1)),
        (&[], Some("scp -t /tmp"), "remote: Only git-upload-pack", Some(1)),
        (&["-s"], Some("sftp"), "subsystem request failed", Some(255)),
        (&["-W", "127.0.0.1:1"], None, "open failed", Some(255)),
        (
            &["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"],
            None,
            "remote port forwarding failed",
            Some(255),
        ),
        (&["-A"], Some("git-upload-pack --help"), "remote: The command takes one argument", Some(1)),
        (&["-T", "-A", "-X"], None, shell, Some(1)),
    ];
    for (options, line, words, code) in rows {
        let output = alice.ssh(&port, options, line).await;
        assert!(output.err.contains(words) && output.code == code, "{options:?} {line:?}: {output:?}");
        assert_eq!(output.out, "", "{options:?} {line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_on_channels_are_turned_down_and_the_channel_still_serves() {
    let testbed = Testbed::new().await;
    let (_, id) = testbed.filled("extra").await;
    let mut client = Client::signed_in(&testbed, "alice").await;
    let pty = Message::default().string("xterm").number(80).number(24).number(0).number(0).string([0]);
    let x11 = Message::default().byte(0).string("MIT-MAGIC-COOKIE-1").string("00").number(0);
    let window = Message::default().number(80).number(24).number(0).number(0);
    let rows = [
        ("pty-req", pty),
        ("x11-req", x11),
        ("auth-agent-req@openssh.com", Message::default()),
        ("subsystem", Message::default().string("sftp")),
        ("subsystem", Message::default().string("netconf")),
        ("break", Message::default().number(1)),
        ("nonsense", Message::default()),
    ];
    let channel = client.open("session", &[]).await.expect("a channel");
    for (kind, more) in rows {
        assert!(!client.request(channel, kind, &more.0).await, "{kind}");
    }
    // Nobody answers these.
    for (kind, more) in [("window-change", window), ("signal", Message::default().string("KILL"))] {
        let request = Message::new(CHANNEL_REQUEST).number(channel).string(kind).byte(0);
        client.send(&[request.0, more.0].concat()).await.expect("it is sent");
    }
    let output = client.exec("git-upload-pack '/iris/_git/extra'").await.finish().await;
    assert!(output.out.contains(&id) && output.status == Some(0), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_channels_and_global_requests_are_turned_down() {
    let testbed = Testbed::new().await;
    let mut client = Client::signed_in(&testbed, "alice").await;
    let tcp = Message::default().string("127.0.0.1").number(22).string("127.0.0.1").number(1);
    let local = Message::default().string("/run/docker.sock").string("").number(0);
    let x11 = Message::default().string("127.0.0.1").number(6000);
    let rows = [
        ("direct-tcpip", &tcp),
        ("forwarded-tcpip", &tcp),
        ("direct-streamlocal@openssh.com", &local),
        ("forwarded-streamlocal@openssh.com", &Message::default().string("/run/docker.sock").string("")),
        ("x11", &x11),
        ("auth-agent@openssh.com", &Message::default()),
        ("tun@openssh.com", &Message::default().number(1).number(0)),
        ("nonsense", &Message::default()),
    ];
    for (kind, more) in rows {
        assert_eq!(client.open(kind, &more.0).await, None, "{kind}");
    }
    let forward = Message::default().string("").number(0);
    let socket = Message::default().string("/tmp/x");
    let rows = [
        ("tcpip-forward", &forward),
        ("cancel-tcpip-forward", &forward),
        ("streamlocal-forward@openssh.com", &socket),
        ("cancel-streamlocal-forward@openssh.com", &socket),
        ("nonsense", &Message::default()),
    ];
    for (kind, more) in rows {
        let request = Message::new(GLOBAL_REQUEST).string(kind).byte(1);
        client.send(&[request.0, more.0.clone()].concat()).await.expect("it is sent");
        client.wait_for(&[REQUEST_FAILURE]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_command_on_a_channel_is_turned_down() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    let mut client = Client::signed_in(&testbed, "alice").await;
    let channel = client.exec("git-upload-pack '/iris/_git/extra'").await.channel;
    let line = Message::default().string("git-upload-pack '/iris/_git/extra'");
    assert!(!client.request(channel, "exec", &line.0).await);
    assert!(!client.request(channel, "shell", &[]).await);
}
