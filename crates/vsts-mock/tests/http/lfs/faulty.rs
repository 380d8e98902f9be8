//! Stock git-lfs and a server that fails: what it tries again, what it resumes, and what it says.

use vsts_mock::{Fault, JournalEvent};

use super::stock::{noise, push, read};
use super::{Lfs, oid};

const OBJECTS: &str = "*/info/lfs/objects/*";

/// The statuses of requests with that method for objects, in order; 0 where the connection was cut.
fn statuses(lfs: &Lfs, method: &str) -> Vec<u16> {
    let of = |event: &JournalEvent| match event {
        JournalEvent::Request { method: asked, path, status, .. }
            if asked == method && path.contains("/info/lfs/objects/") =>
        {
            *status
        }
        _ => None,
    };
    lfs.server.admin().journal().iter().filter_map(|entry| of(&entry.event)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_cut_or_refused_for_a_moment_is_tried_again() {
    let lfs = Lfs::new().await;
    let alice = lfs.person("alicepat").clone_to(&lfs.url(), "alice").await;
    let content = noise(1, 400_000);
    let put = |fault: Fault| fault.method("PUT").at(OBJECTS).count(1);
    for fault in [
        put(Fault::cut_request(100_000)),
        put(Fault::status(503).retry_after(1)),
        put(Fault::rate_limit(1)),
        Fault::status(500).method("POST").at("*/objects/verify").count(1),
    ] {
        lfs.server.admin().add_fault(fault).expect("a fault");
    }
    push(&alice, &[("a.bin", content.clone())]).await.ok();
    assert_eq!(lfs.stored(), [oid(&content)]);
    let met: Vec<u64> = lfs.server.admin().faults().iter().map(|row| row.met).collect();
    assert_eq!(met, [1, 1, 1, 1], "{:?}", statuses(&lfs, "PUT"));
    let bob = lfs.person("bobspat").clone_to(&lfs.url(), "bob").await;
    assert!(read(bob.dir(), "a.bin") == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_is_resumed() {
    let lfs = Lfs::new().await;
    let alice = lfs.person("alicepat").clone_to(&lfs.url(), "alice").await;
    let content = noise(1, 400_000);
    push(&alice, &[("a.bin", content.clone())]).await.ok();
    lfs.server
        .admin()
        .add_fault(Fault::cut_answer(150_000).method("GET").at(OBJECTS).count(1))
        .expect("a fault");
    let bob = lfs.person("bobspat").clone_to(&lfs.url(), "bob").await;
    assert!(read(bob.dir(), "a.bin") == content);
    assert_eq!(statuses(&lfs, "GET"), [200, 206], "the rest alone is asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_large_for_a_proxy_on_the_way_is_told() {
    let lfs = Lfs::new().await;
    let alice = lfs.person("alicepat").set("lfs.transfer.maxretries=1").clone_to(&lfs.url(), "alice").await;
    // As the service's front door answers PUTs of more than some 128 MB over HTTP/2.
    let fault = Fault::status(413).method("PUT").at(OBJECTS).larger_than(100_000);
    lfs.server.admin().add_fault(fault).expect("a fault");
    let files = [("small.bin", noise(1, 1_000)), ("large.bin", noise(2, 200_000))];
    let said = push(&alice, &files).await.fails();
    assert!(said.contains("413") || said.contains("Payload Too Large"), "{said}");
    assert_eq!(lfs.stored(), [oid(&files[0].1)], "what is small enough is there, and nothing half");
    lfs.server.admin().clear_faults();
    alice.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();
    assert_eq!(lfs.stored().len(), 2);
}
