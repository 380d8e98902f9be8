//! The table of faults: how it is set, and what stock git and plain requests meet then. `lfs::faulty` is about git-lfs.

use serde_json::{Value, json};
use test_support::http;
use vsts_mock::{Fault, MockServer};

use crate::git::{Git, SEED, filled, server};
use crate::raw::{self, Reply};
use crate::running::Running;

const EXTRA: &str = "/acme/iris/_git/extra";

async fn send(server: &MockServer, method: &str, path: &str, token: &str, body: &str) -> Reply {
    let lines = format!("Authorization: Bearer {token}\nContent-Type: application/json\n");
    let head = http::head(server.url(), method, path, &lines, body.len());
    raw::send(server.url(), &head, body.as_bytes().to_vec()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_sets_lists_and_clears_it_and_a_reset_brings_the_seeds_back() {
    let seed =
        format!("{SEED}\n[[faults]]\nkind = \"status\"\nstatus = 503\npath = \"/acme/_apis/*\"\ncount = 1\n");
    let mut server =
        MockServer::builder().seed_toml(&seed).expect("a seed").start().await.expect("it starts");
    let admin = server.admin_token().to_owned();
    let asked = send(&server, "GET", "/acme/_apis/projects", "alicepat", "").await;
    assert_eq!(
        (asked.status, send(&server, "GET", "/acme/_apis/projects", "alicepat", "").await.status),
        (503, 200)
    );
    let body = json!({ "kind": "latency", "milliseconds": 1, "user": "bob" }).to_string();
    let made = send(&server, "POST", "/_mock/faults", &admin, &body).await;
    assert_eq!((made.status, made.text()), (201, r#"{"id":2}"#.to_owned()));
    for (body, field) in [
        (json!({ "kind": "latency" }), "milliseconds"),
        (json!({ "kind": "status", "status": 200 }), "status"),
        (json!({ "kind": "stale-ref", "colour": 1 }), "colour"),
    ] {
        let refused = send(&server, "POST", "/_mock/faults", &admin, &body.to_string()).await;
        let told: Value = serde_json::from_str(&refused.text()).expect("JSON");
        assert_eq!((refused.status, told["field"].as_str()), (400, Some(field)), "{told}");
    }
    let listed = send(&server, "GET", "/_mock/faults", &admin, "").await;
    let listed: Value = serde_json::from_str(&listed.text()).expect("JSON");
    assert_eq!(
        listed["faults"],
        json!([
            { "id": 1, "kind": "status", "status": 503, "path": "/acme/_apis/*", "count": 1, "seen": 1, "met": 1 },
            { "id": 2, "kind": "latency", "milliseconds": 1, "user": "bob", "seen": 0, "met": 0 },
        ])
    );
    assert_eq!(send(&server, "DELETE", "/_mock/faults/2", &admin, "").await.status, 204);
    assert_eq!(send(&server, "DELETE", "/_mock/faults/2", &admin, "").await.status, 404);
    assert_eq!(send(&server, "DELETE", "/_mock/faults", "alicepat", "").await.status, 401);
    assert_eq!(send(&server, "DELETE", "/_mock/faults", &admin, "").await.status, 204);
    assert!(server.admin().faults().is_empty());
    server.admin().add_fault(Fault::status(500)).expect("a fault");
    // The admin API is never asked about.
    assert_eq!(send(&server, "GET", "/_mock/faults", &admin, "").await.status, 200);
    server.reset().await.expect("it resets");
    let rows = server.admin().faults();
    assert_eq!((rows.len(), rows[0].met, rows[0].fault.status), (1, 0, Some(503)));
    let wrong = format!("{SEED}\n[[faults]]\nkind = \"cut-answer\"\n");
    let wrong = MockServer::builder().seed_toml(&wrong).expect("a seed").start().await;
    assert!(wrong.is_err_and(|error| error.to_string().contains("after") || format!("{error:?}").contains("after")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_answers_in_the_form_that_its_clients_read() {
    let Running { server, .. } = server().await;
    let endpoints = [
        ("GET", "/acme/_apis/projects", r#""message":"TF400733: "#),
        ("POST", "/acme/iris/_git/extra/info/lfs/objects/batch", r#"{"message":"TF400733: "#),
        ("GET", "/acme/iris/_git/extra/info/refs?service=git-upload-pack", "TF400733: "),
    ];
    server.admin().add_fault(Fault::rate_limit(7)).expect("a fault");
    for (method, path, words) in endpoints {
        let reply = send(&server, method, path, "alicepat", "").await;
        assert!(
            reply.status == 429 && reply.text().contains(words),
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        assert_eq!(reply.header("retry-after"), Some("7"), "{path}");
        for name in ["resource", "delay", "limit", "remaining", "reset"] {
            assert!(reply.header(&format!("x-ratelimit-{name}")).is_some(), "{path}: {name}");
        }
    }
    server.admin().clear_faults();
    server.admin().add_fault(Fault::expired_token().by("alice")).expect("a fault");
    for (method, path, _) in endpoints {
        let reply = send(&server, method, path, "alicepat", "").await;
        assert!(reply.status == 401 && reply.header("www-authenticate").is_some(), "{path}: {}", reply.head);
        assert_ne!(send(&server, method, path, "carolpat", "").await.status, 401, "{path}");
    }
    server.admin().clear_faults();
    server.admin().add_fault(Fault::cut_answer(0).count(1)).expect("a fault");
    assert_eq!(
        send(&server, "GET", "/acme/_apis/projects", "alicepat", "").await.status,
        0,
        "no answer at all"
    );
    assert_eq!(send(&server, "GET", "/acme/_apis/projects", "alicepat", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_push_of_several_is_refused_or_finds_the_ref_moved() {
    let Running { server, dir } = server().await;
    let (alice, first) = filled(&server, &dir, "extra").await;
    let fault =
        Fault::refuse_push().at("/acme/iris/_git/extra").skip(1).count(1).message("TF402455: Not today.");
    server.admin().add_fault(fault).expect("a fault");
    alice.commit("a", b"a").await;
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    let id = alice.commit("b", b"b").await;
    let said = alice.run(&["push", "origin", "master"]).await.fails();
    assert!(said.contains("[remote rejected]") && said.contains("TF402455: Not today."), "{said}");
    server.admin().add_fault(Fault::stale_ref().count(2)).expect("a fault");
    let said = alice.run(&["push", "origin", "master"]).await.fails();
    assert!(said.contains("fetch first"), "{said}");
    // The REST API meets the same row.
    let zeros = "0".repeat(40);
    let body =
        json!([{ "name": "refs/heads/other", "oldObjectId": zeros, "newObjectId": first }]).to_string();
    let refs = "/acme/iris/_apis/git/repositories/extra/refs?api-version=5.0";
    let told = send(&server, "POST", refs, "alicepat", &body).await;
    assert!(told.text().contains("staleOldObjectId"), "{} {}", told.status, told.text());
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    let listed = alice.run(&["ls-remote", "origin"]).await.ok();
    assert!(listed.contains(&id) && !listed.contains("refs/heads/other"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_can_be_done_again() {
    let Running { server, dir } = server().await;
    let (alice, first) = filled(&server, &dir, "extra").await;
    let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let second = alice.commit("noise", &noise).await;
    let push = format!("{EXTRA}/git-receive-pack");
    // curl sends a request again by itself if the connection had been used before.
    server.admin().add_fault(Fault::cut_request(100_000).at(&push)).expect("a fault");
    alice.run(&["push", "origin", "master"]).await.fails();
    let listed = alice.run(&["ls-remote", "origin", "master"]).await.ok();
    assert!(listed.starts_with(&first), "{listed}");
    server.admin().clear_faults();
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    let fetch = format!("{EXTRA}/git-upload-pack");
    server.admin().add_fault(Fault::cut_answer(100_000).at(&fetch).by("bob").count(2)).expect("a fault");
    let bob = Git::of(dir.path(), "bobspat");
    let url = server.clone_url("acme", "iris", "extra");
    bob.run(&["clone", "-q", &url, "cut"]).await.fails();
    let bob = bob.clone_to(&url, "bob").await;
    assert_eq!(bob.run(&["rev-parse", "HEAD"]).await.ok().trim(), second);
    bob.run(&["fsck", "--strict"]).await.ok();
    assert_eq!(server.admin().faults()[0].met, 2, "the refs passed, the pack did not");
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_shown_and_keeps_pushes_out() {
    let Running { server, dir } = server().await;
    let (alice, first) = filled(&server, &dir, "extra").await;
    let words = "Back at noon.";
    server
        .admin()
        .add_fault(Fault::maintenance().at("/acme/iris/_git/extra").message(words))
        .expect("a fault");
    alice.commit("a", b"a").await;
    let said = alice.run(&["push", "origin", "master"]).await.fails();
    assert!(said.contains("[remote rejected]") && said.contains(words), "{said}");
    let listed = alice.run(&["ls-remote", "origin", "master"]).await.ok();
    assert!(listed.starts_with(&first), "reading goes on: {listed}");
    let page = async |path: &str| {
        let lines = "Authorization: Bearer alicepat\nAccept: text/html\n";
        let head = http::head(server.url(), "GET", path, lines, 0);
        raw::send(server.url(), &head, Vec::new()).await.text()
    };
    for (path, is_shown) in
        [("/acme/iris/_git/extra", true), ("/acme/iris/_git/extra/commits", true), ("/acme/iris", false)]
    {
        assert_eq!(page(path).await.contains(words), is_shown, "{path}");
    }
    let repos = async || {
        let all =
            send(&server, "GET", "/acme/iris/_apis/git/repositories?api-version=5.0", "alicepat", "").await;
        let all: Value = serde_json::from_str(&all.text()).expect("JSON");
        let shown = all["value"].as_array().expect("a list").iter();
        shown.map(|repo| (repo["name"] == "extra", repo["isInMaintenance"] == true)).collect::<Vec<_>>()
    };
    assert!(repos().await.iter().all(|(is_extra, is_in_maintenance)| is_extra == is_in_maintenance));
    server.admin().clear_faults();
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    server.admin().add_fault(Fault::maintenance()).expect("a fault");
    assert!(
        page("/acme/iris").await.contains("in maintenance") && repos().await.iter().all(|(_, is_it)| *is_it)
    );
}
