//! Hostile requests, one row each with where such a request has done harm; the answer is a refusal of the right kind, and
//! the server goes on.

use crate::git::{filled, server, server_with};
use crate::raw::{self, lines};
use crate::running::Running;

const REPO: &str = "/acme/iris/_git/extra";

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_the_wrong_shape_are_refused() {
    let Running { server, dir } = server().await;
    let (_, id) = filled(&server, &dir, "extra").await;
    let head = |method: &str, target: &str, more: &str| {
        format!(
            "{method} {target} HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer alicepat\n{more}\n\n"
        )
    };
    let rpc = |more: &str| head("POST", &format!("{REPO}/git-upload-pack"), more);
    let info = |query: &str, more: &str| head("GET", &format!("{REPO}/info/refs{query}"), more);
    let kind = "Content-Type: application/x-git-upload-pack-request";
    let long = "x".repeat(64 << 10);
    // Source, head, body, status.
    let rows: Vec<(&str, String, Vec<u8>, &[u16])> = vec![
        ("dumb HTTP: git http-backend", info("", ""), vec![], &[403]),
        ("unknown service: git t5551", info("?service=git-sing", ""), vec![], &[403]),
        ("git-upload-archive: CVE-2022-41903", info("?service=git-upload-archive", ""), vec![], &[403]),
        ("a service with a path in it", info("?service=../git-upload-pack", ""), vec![], &[403]),
        ("two services", info("?service=git-sing&service=git-upload-pack", ""), vec![], &[403]),
        (
            "POST on info/refs: git http-backend",
            head("POST", &format!("{REPO}/info/refs"), "Content-Length: 0"),
            vec![],
            &[405],
        ),
        ("GET on a service", head("GET", &format!("{REPO}/git-upload-pack"), ""), vec![], &[405]),
        (
            "PUT on a service",
            head("PUT", &format!("{REPO}/git-receive-pack"), "Content-Length: 0"),
            vec![],
            &[405],
        ),
        (
            "cross-site form: Gogs, Gitea",
            rpc("Content-Type: text/plain\nContent-Length: 4"),
            b"0000".to_vec(),
            &[415],
        ),
        ("no type at all", rpc("Content-Length: 4"), b"0000".to_vec(), &[415]),
        (
            "the other service's type",
            rpc("Content-Type: application/x-git-receive-pack-request\nContent-Length: 4"),
            b"0000".to_vec(),
            &[415],
        ),
        (
            "an unknown encoding",
            rpc(&format!("{kind}\nContent-Encoding: br\nContent-Length: 0")),
            vec![],
            &[415],
        ),
        (
            "an empty body said to be gzip",
            rpc(&format!("{kind}\nContent-Encoding: gzip\nContent-Length: 0")),
            vec![],
            &[200, 400],
        ),
        (
            "a length without end: git t5562",
            rpc(&format!("{kind}\nContent-Length: 99999999999999999999")),
            vec![],
            &[400],
        ),
        ("an empty length: git t5562", rpc(&format!("{kind}\nContent-Length: ")), vec![], &[400]),
        ("a negative length", rpc(&format!("{kind}\nContent-Length: -1")), vec![], &[400]),
        (
            "two lengths: request smuggling",
            rpc(&format!("{kind}\nContent-Length: 4\nContent-Length: 5")),
            b"0000".to_vec(),
            &[400],
        ),
        (
            "an unknown transfer encoding: request smuggling",
            rpc(&format!("{kind}\nTransfer-Encoding: chunked, identity")),
            vec![],
            &[400],
        ),
        (
            "a header of 64 KiB",
            info("?service=git-upload-pack", &format!("Git-Protocol: {long}")),
            vec![],
            &[200, 400, 431],
        ),
        (
            "a path out of the repository: CVE-2022-1993",
            head("GET", &format!("{REPO}/../../../etc/passwd"), ""),
            vec![],
            &[400, 404],
        ),
        ("the same, encoded", head("GET", &format!("{REPO}/%2e%2e/%2e%2e/config"), ""), vec![], &[400, 404]),
        (
            "dumb objects: git http-backend",
            head("GET", &format!("{REPO}/objects/info/packs"), ""),
            vec![],
            &[404],
        ),
        ("a file of the repository", head("GET", &format!("{REPO}/HEAD"), ""), vec![], &[404]),
        ("not HTTP", "0000 nonsense\n\n".to_owned(), vec![], &[400, 0]),
        (
            "HTTP/2 by surprise: RUSTSEC-2024-0332",
            "PRI * HTTP/2.0\n\nSM\n\n".to_owned(),
            vec![],
            &[400, 505, 0],
        ),
    ];
    for (source, head, body, expected) in rows {
        let reply = raw::send(server.url(), &head, body).await;
        assert!(expected.contains(&reply.status), "{source}: {} {}", reply.status, reply.text());
        assert!(!reply.text().contains("root:"), "{source}");
    }
    // What is unknown about the version is passed over: git's protocol-v2.
    for (version, is_second) in [
        ("version=9", false),
        ("version=2:version=0", true),
        ("version=-2", false),
        ("version=2;rm", false),
        ("a:b=c:version=2", true),
        ("\u{1}", false),
    ] {
        let head = info("?service=git-upload-pack", &format!("Git-Protocol: {version}"));
        let reply = raw::send(server.url(), &head, Vec::new()).await;
        if reply.status == 400 && version.chars().any(char::is_control) {
            continue;
        }
        assert_eq!(reply.status, 200, "{version}");
        assert_eq!(reply.text().contains("version 2"), is_second, "{version}: {}", reply.text());
    }
    let body = lines(&["command=ls-refs\n", "0001", "ref-prefix refs/heads/\n"]);
    let more = format!("{kind}\nGit-Protocol: version=2\nContent-Length: {}", body.len());
    let reply = raw::send(server.url(), &rpc(&more), body).await;
    assert!(reply.text().contains(&id), "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vsts_profile_refuses_old_clients_with_its_own_status() {
    let Running { server, dir } = server_with(|builder| builder.profile(vsts_mock::Profile::Vsts)).await;
    let (_, id) = filled(&server, &dir, "extra").await;
    let ask = |words: &str| {
        let mut body = lines(&[&format!("want {id}{words}\n")]);
        body.extend(b"0009done\n");
        let head = format!(
            "POST {REPO}/git-upload-pack HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer alicepat\n\
             Content-Type: application/x-git-upload-pack-request\nContent-Length: {}\n\n",
            body.len()
        );
        (head, body)
    };
    for (words, status) in [(" side-band-64k", 400), (" multi_ack side-band-64k", 200), ("", 200)] {
        let (head, body) = ask(words);
        let reply = raw::send(server.url(), &head, body).await;
        assert_eq!(reply.status, status, "{words}: {}", reply.text());
        let message = "TF401041: The Git protocol sent is not as expected (Clients must support multi-ack.).";
        assert_eq!(reply.text().contains(message), status == 400, "{words}: {}", reply.text());
    }
}
