//! Commands and variables that mean no good. Each row names where it comes from; after all of them the server still serves.

use crate::client::Client;
use crate::hostile::still_serves;
use crate::message::{CHANNEL_REQUEST, Message};
use crate::testbed::Testbed;

/// Commands that are none.
#[tokio::test(flavor = "multi_thread")]
async fn commands_that_would_like_to_be_more() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
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
        ("CVE-2017-17831", "git-lfs-authenticate '-oProxyCommand=id' download", "one argument"),
        ("scp", "scp -t /tmp", "Only git-upload-pack"),
        ("sftp", "/usr/lib/openssh/sftp-server", "Only git-upload-pack"),
        ("an empty command", "", "Only git-upload-pack"),
        ("a long command", &long, "too long"),
    ];
    let mut client = Client::signed_in(&testbed, "alice").await;
    for (source, line, words) in rows {
        let output = client.exec(line).await.ended().await;
        assert!(
            output.err.starts_with("remote: ") && output.err.contains(words),
            "{source}: {line}: {output:?}"
        );
        assert_eq!((output.status, output.out.as_str()), (Some(1), ""), "{source}: {line}");
        assert!(!output.err.contains('\u{1b}') && output.err.lines().count() == 1, "{output:?}");
    }
    // In the other spelling it is served.
    let output = client.exec("git upload-pack '/iris/_git/extra'").await.finish().await;
    assert_eq!(output.status, Some(0), "{output:?}");
    // 1 MB is more than a packet may have.
    let channel = client.open("session", &[]).await.expect("a channel");
    let exec = Message::new(CHANNEL_REQUEST).number(channel).string("exec").byte(1);
    let _sent = client.send(&exec.string(vec![b'x'; 1 << 20]).0).await.is_ok();
    assert!(client.is_ended().await);
    still_serves(&testbed, "a command of 1 MB").await;
}

/// Environment variables: one is taken, and means what it says.
#[tokio::test(flavor = "multi_thread")]
async fn variables_that_would_like_to_be_more() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
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
    let mut client = Client::signed_in(&testbed, "bob").await;
    for (source, name, value, is_taken) in rows {
        let channel = client.open("session", &[]).await.expect("a channel");
        let env = Message::default().string(name).string(value);
        assert_eq!(client.request(channel, "env", &env.0).await, is_taken, "{source}: {name}");
        let line = Message::default().string("git-upload-pack '/iris/_git/extra'");
        assert!(client.request(channel, "exec", &line.0).await, "{source}");
        let output = client.resume(channel).finish().await;
        assert_eq!(output.status, Some(0), "{source}: {output:?}");
        assert_eq!(output.out.contains("version 2"), value == "version=1:version=2", "{source}: {output:?}");
    }
}
