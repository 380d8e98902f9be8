//! Service hooks: a receiver on loopback is told of pushes, pull requests and comments.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add};

/// The time within which an event comes, also on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A program that takes events and answers each with the next of some statuses, and then with 200.
pub(crate) struct Sink {
    pub(crate) url: String,
    pub(crate) requests: Receiver<(String, Value)>,
}

impl Sink {
    pub(crate) fn start(mut statuses: Vec<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/hook?x=1", listener.local_addr().expect("an address"));
        let (sender, requests) = channel();
        statuses.reverse();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.expect("a connection"));
                let (mut head, mut line) = (String::new(), String::new());
                while stream.read_line(&mut line).expect("a line") > 2 {
                    head += &line;
                    line.clear();
                }
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                let mut body = vec![0; length.expect("a length").parse().expect("a number")];
                stream.read_exact(&mut body).expect("a body");
                let status = statuses.pop().unwrap_or(200);
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                stream.get_mut().write_all(answer.as_bytes()).expect("an answer");
                if sender.send((head, serde_json::from_slice(&body).expect("JSON"))).is_err() {
                    return;
                }
            }
        });
        Self { url, requests }
    }

    /// The next event.
    pub(crate) fn next(&self) -> (String, Value) {
        self.requests.recv_timeout(TIMEOUT).expect("an event comes")
    }

    /// The next events, by their types; as many as wanted.
    pub(crate) fn some(&self, count: usize) -> Vec<Value> {
        let mut all: Vec<Value> = (0..count).map(|_| self.next().1).collect();
        all.sort_by_key(|one| one["eventType"].as_str().map(str::to_owned));
        all
    }
}

/// Makes a subscription as alice, who owns the account.
pub(crate) async fn subscribe(site: &Site, url: &str, event_type: &str, filters: Value) -> Value {
    site.post("/acme/_apis/hooks/subscriptions?api-version=4.1", "alicepat", &body(url, event_type, &filters))
        .await
        .expect(200)
}

pub(crate) fn body(url: &str, event_type: &str, filters: &Value) -> Value {
    json!({
        "publisherId": "tfs",
        "eventType": event_type,
        "resourceVersion": "1.0",
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": filters,
        "consumerInputs": {
            "url": url,
            "httpHeaders": "X-One: 1\nX-Two:two",
            "basicAuthUsername": "hook",
            "basicAuthPassword": "secret",
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_told_with_its_commits_to_those_who_asked_for_it() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let (sink, other) = (Sink::start(Vec::new()), Sink::start(Vec::new()));
    let projects = site.get("/acme/_apis/projects?api-version=4.1", "alicepat").await.expect(200);
    let project = projects["value"][0]["id"].as_str().expect("an id").to_owned();
    let filters = json!({ "projectId": project, "repository": "extra", "branch": "main" });
    let made = subscribe(&site, &sink.url, "git.push", filters).await;
    assert_eq!(
        (&made["status"], &made["consumerInputs"]["basicAuthPassword"]),
        (&json!("enabled"), &json!("********"))
    );
    assert_eq!(made["actionDescription"], "To host 127.0.0.1");
    subscribe(&site, &other.url, "git.push", json!({ "repository": "iris" })).await;

    site.push("extra", "refs/heads/elsewhere", ZEROS, json!([add("/a.txt", "a")])).await.expect(201);
    let pushed = site.push("extra", "refs/heads/main", ZEROS, json!([add("/b.txt", "b")])).await.expect(201);
    let (head, event) = sink.next();
    assert!(head.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{head}");
    for line in [
        "Authorization: Basic aG9vazpzZWNyZXQ=",
        "x-one: 1",
        "x-two: two",
        "Content-Type: application/json; charset=utf-8",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert_eq!((&event["eventType"], &event["publisherId"]), (&json!("git.push"), &json!("tfs")));
    assert_eq!((&event["subscriptionId"], &event["notificationId"]), (&made["id"], &json!(1)));
    let resource = &event["resource"];
    assert_eq!(resource["pushId"], pushed["pushId"]);
    assert_eq!(resource["refUpdates"][0]["name"], "refs/heads/main");
    assert_eq!(resource["commits"][0]["commitId"], pushed["commits"][0]["commitId"]);
    assert_eq!(resource["commits"].as_array().map(Vec::len), Some(1));
    assert_eq!(resource["repository"]["name"], "extra");
    assert_eq!(event["message"]["text"], "carol pushed updates to branch main of extra");
    assert_eq!(event["resourceContainers"]["project"]["id"], project.as_str());

    // A push by Git is told as one by REST; the filter let no other push pass before it.
    site.git(".", &["clone", "-q", "-b", "main", &site.url("extra"), "clone"]).await;
    site.write("clone/c.txt", "c");
    site.git("clone", &["add", "-A"]).await;
    site.git("clone", &["commit", "-q", "-m", "By Git."]).await;
    site.git("clone", &["push", "-q", "origin", "HEAD:main"]).await;
    let (_, event) = sink.next();
    assert_eq!(
        (&event["notificationId"], &event["resource"]["commits"][0]["comment"]),
        (&json!(2), &json!("By Git."))
    );
    assert!(other.requests.try_recv().is_err(), "nothing happened in iris");

    let deliveries = site.server.admin().deliveries();
    assert_eq!(deliveries.as_array().map(Vec::len), Some(2), "{deliveries}");
    let id = made["id"].as_str().expect("an id");
    let path = format!("/acme/_apis/hooks/subscriptions/{id}");
    let told = site.get(&format!("{path}/notifications?api-version=4.1"), "alicepat").await.expect(200);
    assert_eq!((&told["count"], &told["value"][0]["id"]), (&json!(2), &json!(2)));
    assert_eq!(site.delete(&format!("{path}?api-version=4.1"), "alicepat").await.status, 204);
    assert_eq!(site.get(&format!("{path}?api-version=4.1"), "alicepat").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_is_told_from_its_creation_to_its_completion() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let first = site.push("extra", "refs/heads/master", ZEROS, json!([add("/a.txt", "a")])).await.expect(201);
    let tip = first["commits"][0]["commitId"].as_str().expect("an id");
    site.push("extra", "refs/heads/topic", tip, json!([add("/b.txt", "b")])).await.expect(201);
    let sink = Sink::start(Vec::new());
    for event_type in ["git.pullrequest.created", "git.pullrequest.merged", "git.pullrequest.updated"] {
        subscribe(&site, &sink.url, event_type, json!({})).await;
    }
    let comments = Sink::start(Vec::new());
    subscribe(&site, &comments.url, "ms.vss-code.git-pullrequest-comment-event", json!({})).await;

    let base = "/acme/iris/_apis/git/repositories/extra/pullRequests";
    let new =
        json!({ "sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "B" });
    let pull = site.post(&format!("{base}?api-version=7.1"), "carolpat", &new).await.expect(201);
    let id = pull["pullRequestId"].as_i64().expect("a number");
    let told = sink.some(2);
    assert_eq!(told[0]["eventType"], "git.pullrequest.created");
    assert_eq!(told[0]["message"]["text"], "carol created a new pull request");
    assert_eq!(told[1]["eventType"], "git.pullrequest.merged");
    assert_eq!(
        (&told[1]["resource"]["pullRequestId"], &told[1]["resource"]["mergeStatus"]),
        (&json!(id), &json!("succeeded"))
    );
    assert!(told[1]["resource"]["repository"]["remoteUrl"].is_string());

    let thread =
        json!({ "comments": [{ "parentCommentId": 0, "content": "Nice.", "commentType": 1 }], "status": 1 });
    site.post(&format!("{base}/{id}/threads?api-version=7.1"), "alicepat", &thread).await.expect(200);
    let (_, event) = comments.next();
    assert_eq!(
        (&event["resourceVersion"], &event["resource"]["comment"]["content"]),
        (&json!("2.0"), &json!("Nice."))
    );
    assert_eq!(event["resource"]["pullRequest"]["pullRequestId"], id);

    let complete = json!({ "status": "completed", "lastMergeSourceCommit": pull["lastMergeSourceCommit"] });
    site.patch(&format!("{base}/{id}?api-version=7.1"), "alicepat", &complete).await.expect(200);
    let event = loop {
        let (_, event) = sink.next();
        if event["resource"]["status"] == "completed" {
            break event;
        }
    };
    assert_eq!(event["eventType"], "git.pullrequest.updated");
    assert_eq!(event["message"]["text"], "alice marked the pull request as completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_asked_again_and_one_that_is_gone_is_told_in_the_history() {
    let site = Site::with_profile(Profile::Permissive).await;
    let sink = Sink::start(vec![500]);
    subscribe(&site, &sink.url, "git.push", json!({})).await;
    site.push("extra", "refs/heads/main", ZEROS, json!([add("/a.txt", "a")])).await.expect(201);
    let (first, again) = (sink.next().1, sink.next().1);
    assert_eq!(first, again);
    // The answer is read after the request was taken.
    let begun = std::time::Instant::now();
    let deliveries = loop {
        let deliveries = site.server.admin().deliveries();
        if deliveries[0]["status"] == "succeeded" {
            break deliveries;
        }
        assert!(begun.elapsed() < TIMEOUT, "{deliveries}");
        tokio::task::yield_now().await;
    };
    let statuses: Vec<_> = deliveries[0]["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|one| one["status"].clone())
        .collect();
    assert_eq!(statuses, [json!(500), json!(200)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_for_administrators_and_events_stay_on_this_computer() {
    let site = Site::with_profile(Profile::Vsts).await;
    let path = "/acme/_apis/hooks/subscriptions?api-version=4.1";
    let local = body("http://127.0.0.1:9/", "git.push", &json!({}));
    for (token, status) in [("bobspat", 403), ("carolpat", 403), ("davespat", 404), ("", 401)] {
        assert_eq!(site.post(path, token, &local).await.status, status, "{token}");
    }
    for url in
        ["http://10.0.0.1/", "http://example.com/", "https://example.com/", "http://169.254.169.254/", "x"]
    {
        let refused = site.post(path, "alicepat", &body(url, "git.push", &json!({}))).await;
        assert_eq!(refused.status, 400, "{url}: {}", refused.text());
    }
    for (name, value) in
        [("eventType", "build.complete"), ("consumerId", "slack"), ("publisherId", "rm"), ("status", "x")]
    {
        let mut wrong = local.clone();
        wrong[name] = value.into();
        assert_eq!(site.post(path, "alicepat", &wrong).await.status, 400, "{name}");
    }
    let mut wrong = local.clone();
    wrong["consumerInputs"]["httpHeaders"] = "Host: evil".into();
    assert_eq!(site.post(path, "alicepat", &wrong).await.status, 400);

    let made = site.post(path, "alicepat", &local).await.expect(200);
    let id = made["id"].as_str().expect("an id");
    let one = format!("/acme/_apis/hooks/subscriptions/{id}?api-version=4.1");
    assert_eq!(site.get(path, "alicepat").await.expect(200)["count"], 1);
    assert_eq!(site.get(path, "carolpat").await.expect(200)["count"], 0);
    assert_eq!(site.get(&one, "bobspat").await.status, 404);
    assert_eq!(site.delete(&one, "bobspat").await.status, 404);
    let mut changed = made.clone();
    changed["status"] = "disabledByUser".into();
    let changed = site.send("PUT", &one, "alicepat", "", &changed.to_string()).await.expect(200);
    assert_eq!((&changed["status"], &changed["id"]), (&json!("disabledByUser"), &made["id"]));
    let types =
        site.get("/acme/_apis/hooks/publishers/tfs/eventTypes?api-version=4.1", "alicepat").await.expect(200);
    assert_eq!(types["count"], 10);
    let created =
        types["value"].as_array().and_then(|all| all.iter().find(|one| one["id"] == "workitem.created"));
    assert_eq!(created.expect("it is there")["supportedResourceVersions"], json!(["1.0", "5.1-preview.3"]));
}

/// A program that takes one event over TLS, with a certificate that an authority of its own has signed; the authority as PEM.
struct SecureSink {
    url: String,
    ca_pem: String,
    heads: tokio::sync::mpsc::Receiver<String>,
}

impl SecureSink {
    async fn start() -> Self {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        use tokio_rustls::rustls::{ServerConfig, crypto::ring};
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).expect("signed");
        let own_key = rcgen::KeyPair::generate().expect("a key");
        let own = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let issuer = rcgen::Issuer::new(params, key);
        let certificate = own.signed_by(&own_key, &issuer).expect("signed");
        let config = ServerConfig::builder_with_provider(std::sync::Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the usual versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(own_key.serialize_der()).into(),
            )
            .expect("a certificate with its key");
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("https://localhost:{}/hook", listener.local_addr().expect("an address").port());
        let (sender, heads) = tokio::sync::mpsc::channel(10);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    stream.read_buf(&mut head).await.expect("a head");
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("an answer");
                if sender.send(String::from_utf8_lossy(&head).into_owned()).await.is_err() {
                    return;
                }
            }
        });
        Self { url, ca_pem: ca.pem(), heads }
    }

    async fn next(&mut self) -> String {
        tokio::time::timeout(TIMEOUT, self.heads.recv()).await.expect("in time").expect("an event")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_over_tls_to_receivers_that_are_trusted_or_where_any_certificate_will_do() {
    let mut sink = SecureSink::start().await;
    let site = Site::with_profile(Profile::AzureDevops).await;
    let mut lax = body(&sink.url, "git.push", &json!({ "repository": "extra" }));
    lax["consumerInputs"]["acceptUntrustedCerts"] = "true".into();
    let path = "/acme/_apis/hooks/subscriptions?api-version=4.1";
    site.post(path, "alicepat", &lax).await.expect(200);
    let strict = subscribe(&site, &sink.url, "git.push", json!({ "repository": "extra" })).await;
    site.push("extra", "refs/heads/main", ZEROS, json!([add("/a", "a")])).await.expect(201);
    assert!(sink.next().await.starts_with("POST /hook HTTP/1.1\r\nHost: localhost:"));
    // The other one is told why nothing comes.
    let begun = std::time::Instant::now();
    let path = "/_mock/deliveries";
    let admin = site.server.admin_token().to_owned();
    let error = loop {
        let told = site.get(path, &admin).await.expect(200);
        let all = told["deliveries"].as_array().expect("a list");
        let mut own = all.iter().filter(|one| one["subscriptionId"] == strict["id"]);
        if let Some(error) = own.find_map(|one| one["attempts"][0]["error"].as_str()) {
            break error.to_owned();
        }
        assert!(begun.elapsed() < TIMEOUT, "{told}");
        tokio::task::yield_now().await;
    };
    assert!(error.contains("UnknownIssuer"), "{error}");

    let seed = format!("hook_ca = \"\"\"\n{}\"\"\"\n{}", sink.ca_pem, include_str!("../support/seed.toml"));
    let site = Site::start(tempfile::TempDir::new().expect("a folder"), &seed, |builder| builder).await;
    subscribe(&site, &sink.url, "git.push", json!({ "repository": "extra" })).await;
    site.push("extra", "refs/heads/main", ZEROS, json!([add("/a", "a")])).await.expect(201);
    assert!(sink.next().await.contains("Authorization: Basic "));
    let wrong =
        vsts_mock::MockServer::builder().seed_toml("hook_ca = \"nonsense\"\n").expect("a seed").start().await;
    assert!(wrong.expect_err("it is no certificate").to_string().contains("hook_ca"));
}
