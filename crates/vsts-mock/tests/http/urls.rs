//! Every form of address leads to the same repository.

use crate::git::{Git, filled, server};
use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_url_leads_to_the_repository() {
    let Running { server, dir } = server().await;
    let (_, extra) = filled(&server, &dir, "extra").await;
    let (alice, _) = filled(&server, &dir, "iris").await;
    alice.commit("file", b"not extra\n").await;
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    let iris = alice.run(&["rev-parse", "HEAD"]).await.ok();
    let iris = iris.trim();
    let port = server.url().rsplit(':').next().expect("a port").to_owned();
    let local = server.url().to_owned();
    let (vsts, localhost) =
        (format!("http://acme.visualstudio.com:{port}"), format!("http://acme.localhost:{port}"));
    let rows = [
        (&local, "/acme/iris/_git/extra", &*extra),
        (&local, "/acme/iris/_git/extra/", &extra),
        (&local, "/ACME/Iris/_git/EXTRA", &extra),
        (&local, "/acme/%69ris/_git/e%78tra", &extra),
        (&local, "/acme/_git/iris", iris),
        (&local, "/acme/iris/_git/iris", iris),
        (&local, "/acme/DefaultCollection/_git/iris", iris),
        (&local, "/acme/DefaultCollection/iris/_git/extra", &extra),
        (&local, "/acme/iris/the%20team/_git/extra", &extra),
        (&local, "/acme/iris/_git/_full/extra", &extra),
        (&local, "/acme/_git/_optimized/iris", iris),
        (&vsts, "/_git/iris", iris),
        (&vsts, "/iris/_git/extra", &extra),
        (&vsts, "/DefaultCollection/iris/_git/extra", &extra),
        (&localhost, "/_git/iris", iris),
        (&localhost, "/iris/_git/extra", &extra),
    ];
    let git = Git::of(dir.path(), "bobspat")
        .set(format!("http.curloptResolve=acme.visualstudio.com:{port}:127.0.0.1"))
        .set(format!("http.curloptResolve=acme.localhost:{port}:127.0.0.1"));
    for (base, path, expected) in rows {
        let listed = git.run(&["ls-remote", &format!("{base}{path}"), "refs/heads/master"]).await;
        assert_eq!(listed.out, format!("{expected}\trefs/heads/master\n"), "{base}{path}: {}", listed.err);
    }
    for path in ["/acme/iris/_git/extra.git", "/acme/_git/extra", "/none/iris/_git/extra", "/iris/_git/extra"]
    {
        let output = git.run(&["ls-remote", &format!("{local}{path}")]).await.fails();
        assert!(output.contains("TF401019"), "{path}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_serve_as_names() {
    let Running { server, dir } = server().await;
    let (_, id) = filled(&server, &dir, "extra").await;
    let head = "GET /acme/iris/_apis/git/repositories/extra HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer \
                bobspat\n\n";
    let reply = crate::raw::send(server.url(), head, Vec::new()).await;
    let repo: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(repo["defaultBranch"], "refs/heads/master");
    let (project, repo) =
        (repo["project"]["id"].as_str().expect("an id"), repo["id"].as_str().expect("an id"));
    let url = format!("{}/acme/{project}/_git/{}", server.url(), repo.to_uppercase());
    let listed = Git::of(dir.path(), "bobspat").run(&["ls-remote", &url, "refs/heads/*"]).await.ok();
    assert_eq!(listed, format!("{id}\trefs/heads/master\n"));
}
