//! Large files on the pages and in the REST API.

use vsts_mock::SeedRepo;

use super::{Lfs, oid};
use crate::git::Git;

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_rest_give_the_content_that_a_pointer_stands_for() {
    let lfs = Lfs::new().await;
    lfs.server.admin().add_repo("acme/iris", &SeedRepo::new("open").public()).await.expect("a repository");
    let repo = "/acme/iris/_git/open";
    let alice = Git::of(lfs.dir.path(), "alicepat");
    let alice = alice.clone_to(&lfs.server.clone_url("acme", "iris", "open"), "alice").await;
    let pointer = |content: &[u8]| {
        let (oid, size) = (oid(content), content.len());
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n")
    };
    lfs.upload(repo, b"large\0file").await;
    let absent = pointer(b"absent");
    alice.commit("model.bin", pointer(b"large\0file").as_bytes()).await;
    alice.commit("absent.bin", absent.as_bytes()).await;
    alice.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();

    let page = async |path: &str| lfs.send("GET", path, "", "Accept: text/html\n", b"").await;
    let shown = page(&format!("{repo}?path=/model.bin")).await.text();
    assert!(
        shown.contains("The file is stored with LFS: 10 bytes.") && !shown.contains("sha256:"),
        "{shown}"
    );
    let shown = page(&format!("{repo}?path=/absent.bin")).await.text();
    assert!(shown.contains("stored with LFS: 6 bytes") && shown.contains("Nobody has uploaded"), "{shown}");
    for tail in ["", "&download=true"] {
        let raw = page(&format!("{repo}/raw?path=/model.bin{tail}")).await;
        assert_eq!((raw.status, raw.body.as_slice()), (200, &b"large\0file"[..]), "{}", raw.head);
        assert_eq!(raw.header("content-length"), Some("10"));
        assert_eq!(page(&format!("{repo}/raw?path=/absent.bin{tail}")).await.text(), absent);
    }

    let items = "/acme/iris/_apis/git/repositories/open/items?api-version=5.0&path=";
    let rest = async |query: &str| {
        lfs.send(
            "GET",
            &format!("{items}{query}"),
            "Bearer bobspat",
            "Accept: application/octet-stream\n",
            b"",
        )
        .await
    };
    assert_eq!(rest("/model.bin&resolveLfs=true").await.body, b"large\0file");
    assert_eq!(rest("/model.bin&resolveLfs=false").await.text(), pointer(b"large\0file"));
    assert_eq!(rest("/model.bin").await.text(), pointer(b"large\0file"));
    assert_eq!(rest("/absent.bin&resolveLfs=true").await.text(), absent);
    // Who needs no credentials to read, needs none to download.
    let reply = lfs.batch(repo, "", "download", &[(&oid(b"large\0file"), 10)]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let get = lfs.action(repo, "", "download", &oid(b"large\0file"), 10).await;
    assert_eq!(lfs.send("GET", &get.path, &get.header, "", b"").await.body, b"large\0file");
    assert_eq!(lfs.batch(repo, "", "upload", &[(&oid(b"x"), 1)]).await.status, 401);
}
