//! Every form of address leads to the same repository.

use crate::testbed::Testbed;

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_url_leads_to_the_repository() {
    let testbed = Testbed::new().await;
    let (_, extra) = testbed.filled("extra").await;
    let (alice, _) = testbed.filled("iris").await;
    let iris = alice.commit("file", b"not extra\n").await;
    alice.git(&["push", "-q", "origin", "master"]).await.ok();
    let spaces = testbed.person("alice").clone_to(&testbed.url("it has spaces"), "spaces").await;
    let spaced = spaces.commit("file", b"spaces\n").await;
    spaces.git(&["push", "-q", "origin", "master"]).await.ok();
    let bob = testbed.person("bob").ssh_option(&format!("-p {}", testbed.port()));
    let host = format!("127.0.0.1:{}", testbed.port());
    let rows = [
        (format!("ssh://acme@{host}/iris/_git/extra"), &extra),
        (format!("ssh://acme@{host}/iris/_git/extra/"), &extra),
        (format!("ssh://ACME@{host}/Iris/_GIT/EXTRA"), &extra),
        (format!("ssh://acme@{host}/%69ris/_git/e%78tra"), &extra),
        (format!("ssh://acme@{host}/iris/_git/it%20has%20spaces"), &spaced),
        (format!("ssh://acme@{host}/_git/iris"), &iris),
        (format!("ssh://acme@{host}/_ssh/iris"), &iris),
        (format!("ssh://acme@{host}/iris/_ssh/extra"), &extra),
        (format!("ssh://acme@{host}/iris/the%20team/_git/extra"), &extra),
        (format!("ssh://acme@{host}/DefaultCollection/_git/iris"), &iris),
        (format!("ssh://acme@{host}/DefaultCollection/_ssh/iris"), &iris),
        (format!("ssh://acme@{host}/DefaultCollection/iris/_git/extra"), &extra),
        (format!("ssh://acme@{host}/DefaultCollection/iris/_ssh/extra"), &extra),
        (format!("ssh://acme@{host}/iris/_git/_full/extra"), &extra),
        (format!("ssh://acme@{host}/iris/_git/_optimized/extra"), &extra),
        (format!("ssh://acme@{host}/acme/iris/_git/extra"), &extra),
        (format!("ssh://git@{host}/acme/iris/_git/extra"), &extra),
        (format!("ssh://{host}/acme/_git/iris"), &iris),
        (format!("ssh://git@{host}/v3/acme/iris/extra"), &extra),
        (format!("ssh://{host}/v3/acme/iris/extra"), &extra),
        (format!("ssh://acme@{host}/v3/acme/iris/it%20has%20spaces"), &spaced),
        ("acme@127.0.0.1:v3/acme/iris/extra".to_owned(), &extra),
        ("git@127.0.0.1:v3/ACME/iris/iris".to_owned(), &iris),
        ("acme@127.0.0.1:iris/_ssh/extra".to_owned(), &extra),
        ("acme@127.0.0.1:iris/_git/it has spaces".to_owned(), &spaced),
        ("acme@127.0.0.1:/iris/_git/it%20has%20spaces".to_owned(), &spaced),
    ];
    for (url, expected) in rows {
        let listed = bob.git(&["ls-remote", &url, "refs/heads/master"]).await;
        assert_eq!(listed.out, format!("{expected}\trefs/heads/master\n"), "{url}: {}", listed.err);
    }
    for url in [
        format!("ssh://acme@{host}/iris/_git/extra.git"),
        format!("ssh://acme@{host}/_git/extra"),
        format!("ssh://nobody@{host}/iris/_git/extra"),
        format!("ssh://acme@{host}/iris/extra"),
        format!("ssh://acme@{host}/v3/acme/iris"),
        format!("ssh://acme@{host}/v3/nobody/iris/extra"),
        format!("ssh://acme@{host}/../../etc/passwd"),
        format!("ssh://acme@{host}/iris/_git/..%2fextra"),
        format!("ssh://acme@{host}/iris/_git/%252e%252e"),
        format!("ssh://acme@{host}/iris/_git/extra%5c"),
        format!("ssh://acme@{host}/iris/_git/'extra'"),
        format!("ssh://acme@{host}/iris/_git/extra;id"),
        format!("ssh://acme@{host}/iris/_git/$(id)"),
    ] {
        let output = bob.git(&["ls-remote", &url]).await.fails();
        assert!(output.starts_with("remote: TF401019: "), "{url}: {output}");
    }
    let output = bob.git(&["ls-remote", &format!("ssh://acme@{host}/iris/_git/%c0%ae%c0%ae")]).await.fails();
    assert!(output.starts_with("remote: The repository's path is not plain text.\n"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_ones_own_name_does_not_hide_the_path() {
    let testbed = Testbed::new().await;
    let (_, id) = testbed.filled("extra").await;
    // dave's account is named; bob does not see it, and the path says which one is meant.
    let url = format!("ssh://elsewhere@127.0.0.1:{}/acme/iris/_git/extra", testbed.port());
    let listed = testbed.person("bob").git(&["ls-remote", &url, "refs/heads/*"]).await.ok();
    assert_eq!(listed, format!("{id}\trefs/heads/master\n"));
}
