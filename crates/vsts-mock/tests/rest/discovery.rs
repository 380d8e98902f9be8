//! Discovery by clients: locations, areas, versions, and the headers of every answer.

use serde_json::json;
use vsts_mock::Profile;

use crate::site::{Site, each};

#[tokio::test(flavor = "multi_thread")]
async fn locations_are_told_to_anybody_and_lead_somewhere() {
    let site = Site::with_profile(Profile::Permissive).await;
    for path in ["/acme/_apis", "/ACME/_apis", "/_apis", "/acme/DefaultCollection/_apis/"] {
        let reply = site.send("OPTIONS", path, "", "", "").await;
        let all = reply.expect(200);
        assert!(all["count"].as_u64() > Some(100), "{path}");
        let refs = all["value"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["id"] == "2d874a60-a811-4f62-9c9f-963a6ea0a55b");
        let refs = refs.expect("a row for refs");
        assert_eq!(
            refs["routeTemplate"],
            "{project}/_apis/{area}/repositories/{repositoryId}/{resource}/{*filter}"
        );
        assert_eq!((&refs["maxVersion"], &refs["resourceVersion"]), (&json!("5.0"), &json!(1)));
    }
    let git = site.send("OPTIONS", "/acme/_apis/GIT", "", "", "").await.expect(200);
    let of_git = each(&git, "area");
    assert!(of_git.len() > 10 && of_git.iter().all(|area| area == "git"), "{of_git:?}");
    assert_eq!(site.send("OPTIONS", "/acme/_apis/nothing", "", "", "").await.expect(200)["count"], 0);
    let newer = Site::with_profile(Profile::AzureDevops).await;
    let all = newer.send("OPTIONS", "/acme/_apis/core", "", "", "").await.expect(200);
    assert!(each(&all, "maxVersion").contains(&"7.2".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn areas_are_served_where_the_client_came_in() {
    let site = Site::with_profile(Profile::Permissive).await;
    let url = site.server.url().to_owned();
    let git = "4e080c62-fa21-4fbc-8fef-2a10a2b38049";
    let areas = site.get("/acme/_apis/ResourceAreas", "alicepat").await.expect(200);
    assert!(areas["count"].as_u64() > Some(100));
    assert!(each(&areas, "locationUrl").iter().all(|at| *at == format!("{url}/acme/")));
    let one =
        site.get(&format!("/Acme/_apis/resourceareas/{}", git.to_uppercase()), "alicepat").await.expect(200);
    assert_eq!((one["id"].as_str(), one["name"].as_str()), (Some(git), Some("git")));
    let by_host = "Host: acme.visualstudio.com\r\n";
    let one = site.send("GET", &format!("/_apis/ResourceAreas/{git}"), "alicepat", by_host, "").await;
    assert_eq!(one.expect(200)["locationUrl"], "http://acme.visualstudio.com/");
    let repos = site.send("GET", "/iris/_apis/git/repositories", "alicepat", by_host, "").await.expect(200);
    assert_eq!(repos["value"][0]["remoteUrl"], "http://acme.visualstudio.com/iris/_git/extra");
    let nobody = site.get("/acme/_apis/connectionData", "").await.expect(200);
    assert_eq!(nobody["authenticatedUser"]["customDisplayName"], "Anonymous");
    assert_eq!(site.get("/acme/_apis/connectionData", "wrong").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_url_tells_where_its_repository_is() {
    let site = Site::with_profile(Profile::Vsts).await;
    let info = site.get("/acme/iris/_git/extra/vsts/info", "bobspat").await.expect(200);
    assert_eq!(info["repository"]["name"], "extra");
    assert_eq!(info["repository"]["project"]["state"], 1);
    assert_eq!(info["serverUrl"], format!("{}/acme", site.server.url()));
    let url = info["repository"]["url"].as_str().expect("a URL");
    let path = url.strip_prefix(site.server.url()).expect("it is here");
    // The Azure CLI takes what stands before it for the organisation.
    assert!(path.starts_with("/acme/_apis/git/repositories/"), "{path}");
    assert_eq!(site.get(path, "bobspat").await.expect(200)["id"], info["repository"]["id"]);
    assert_eq!(site.get("/acme/iris/_git/extra/vsts/info", "davespat").await.status, 404);
    assert_eq!(site.get("/acme/iris/_git/extra/vsts/info", "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_negotiated_and_echoed() {
    let site = Site::with_profile(Profile::Vsts).await;
    let path = "/acme/_apis/projects";
    let rows = [
        ("", "4.1"),
        ("Accept: application/json;api-version=5.0-preview\r\n", "5.0-preview.3"),
        ("Accept: application/json; api-version=1.0\r\n", "1.0"),
    ];
    for (more, version) in rows {
        let reply = site.send("GET", path, "alicepat", more, "").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(
            reply.header("content-type"),
            format!("application/json; charset=utf-8; api-version={version}"),
            "{more}"
        );
    }
    let rows = [
        ("GET", "?api-version=99.0", "VssVersionOutOfRangeException"),
        ("GET", "?api-version=x", "VssInvalidApiResourceVersionException"),
        ("GET", "?api-version=5.0", "VssInvalidPreviewVersionException"),
        ("POST", "", "VssVersionNotSpecifiedException"),
    ];
    for (method, query, key) in rows {
        let reply = site.send(method, &format!("{path}{query}"), "alicepat", "", "{}").await;
        assert_eq!(reply.fails(400), key, "{method} {query}");
        let type_name = reply.json()["typeName"].as_str().expect("a name").to_owned();
        assert!(type_name.starts_with("Microsoft.VisualStudio.Services.WebApi.Vss"), "{type_name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_services_manners() {
    let site = Site::with_profile(Profile::Permissive).await;
    let session = "X-TFS-Session: 11111111-2222-3333-4444-555555555555\r\n";
    let paths = ["/acme/_apis/projects", "/acme/_apis/projects/none", "/acme/_apis/unheard/of"];
    for path in paths {
        let reply = site.send("GET", path, "alicepat", session, "").await;
        assert_eq!(reply.header("x-tfs-session"), "11111111-2222-3333-4444-555555555555", "{path}");
        assert_eq!(reply.header("activityid").len(), 36, "{path}");
        assert!(reply.header("x-vss-userdata").ends_with(":alice@example.com"), "{path}");
    }
    let error = site.get("/acme/_apis/projects/none", "alicepat").await;
    assert_eq!(error.fails(404), "ProjectDoesNotExistWithNameException");
    assert_eq!(error.json()["$id"], "1");
    let unknown = site.get("/acme/_apis/unheard/of", "alicepat").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.text(),
        "The controller for path '/acme/_apis/unheard/of' was not found or does not implement IController."
    );
    // Node's SDK makes an empty success of a 404: a resource that the service has, and this server has not, is a 501.
    let missing = site.get("/acme/iris/_apis/git/repositories/extra/importRequests", "alicepat").await;
    assert_eq!(missing.fails(501), "NotImplementedException");
    let journal = site.server.admin().journal();
    let unknown = journal.iter().filter(|entry| entry.is_unknown()).count();
    assert_eq!(unknown, 3, "{journal:?}");
    let reply = site.get("/acme/iris/_apis/git/repositories/none", "alicepat").await;
    assert_eq!(reply.fails(404), "GitRepositoryNotFoundException");
    assert!(site.get("/acme/_apis/projects?$top=-1", "alicepat").await.fails(400).contains("Argument"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_of_an_organisation_have_it_in_the_path() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    for host in [
        "dev.azure.com",
        "vssps.dev.azure.com",
        "vsaex.dev.azure.com",
        "almsearch.dev.azure.com",
        "vsrm.dev.azure.com",
    ] {
        let by_host = format!("Host: {host}\r\n");
        let projects = site.send("GET", "/acme/_apis/projects", "alicepat", &by_host, "").await.expect(200);
        let url = projects["value"][0]["url"].as_str().expect("a URL");
        assert!(url.starts_with("http://dev.azure.com/acme/_apis/projects/"), "{host}: {url}");
    }
    let users = "Host: vssps.dev.azure.com\r\n";
    let tenant = site.send("HEAD", "/acme", "", users, "").await;
    assert_eq!((tenant.status, tenant.header("x-vss-resourcetenant").len()), (404, 36));
    let by_host = "Host: acme.visualstudio.com\r\n";
    let repo =
        site.send("GET", "/iris/_apis/git/repositories/extra", "alicepat", by_host, "").await.expect(200);
    assert_eq!(repo["remoteUrl"], "http://acme@acme.visualstudio.com/iris/_git/extra");
    assert_eq!(repo["webUrl"], "http://acme.visualstudio.com/iris/_git/extra");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_itself_lists_a_users_accounts_and_shows_profiles() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let deployment = "Host: app.vssps.visualstudio.com\r\n";
    let get = async |path: &str, token: &str| site.send("GET", path, token, deployment, "").await;
    let me = get("/_apis/profile/profiles/me?api-version=7.1", "alicepat").await.expect(200);
    let id = me["id"].as_str().expect("an id");
    for query in [format!("memberId={id}"), format!("ownerId={id}"), String::new()] {
        let accounts =
            get(&format!("/_apis/accounts?api-version=7.1-preview.1&{query}"), "alicepat").await.expect(200);
        assert_eq!(each(&accounts, "accountName"), ["acme"], "{query}");
        assert_eq!(accounts["value"][0]["accountUri"], "http://dev.azure.com/acme/");
    }
    let one = get("/_apis/accounts/ACME?api-version=7.1-preview.1", "alicepat").await.expect(200);
    assert_eq!(one["accountName"], "acme");
    let bobs =
        get(&format!("/_apis/accounts?ownerId={}&api-version=7.1-preview.1", uuid::Uuid::nil()), "alicepat")
            .await;
    assert_eq!(bobs.expect(200)["count"], 0);
    let stranger = get("/_apis/accounts?api-version=7.1-preview.1", "davespat").await.expect(200);
    assert_eq!(stranger["count"], 0, "who belongs to nothing is shown nothing");
    assert_eq!(get("/_apis/accounts/acme?api-version=7.1-preview.1", "davespat").await.status, 404);
    assert_eq!(get("/_apis/accounts?memberId=x&api-version=7.1-preview.1", "alicepat").await.status, 400);
    assert_eq!(get("/_apis/accounts", "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_other_sites_may_read_answers() {
    let site = Site::with_profile(Profile::Permissive).await;
    let origin = "Origin: https://example.com\r\n";
    for (method, token) in [("OPTIONS", ""), ("GET", "alicepat"), ("GET", "wrong")] {
        let reply = site.send(method, "/acme/_apis/projects", token, origin, "").await;
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{method} {token}");
        assert!(reply.header("access-control-allow-headers").contains("authorization"), "{method}");
    }
    let same_site = site.get("/acme/_apis/projects", "alicepat").await;
    assert_eq!(same_site.header("access-control-allow-origin"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_go_command_finds_repositories() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let by_host = "Host: dev.azure.com\r\n";
    let reply = site.send("GET", "/acme/iris/_git/extra/pkg/sub?go-get=1", "", by_host, "").await;
    let meta = r#"<meta name="go-import" content="dev.azure.com/acme/iris/_git/extra git http://dev.azure.com/acme/iris/_git/extra">"#;
    assert!(reply.status == 200 && reply.text().contains(meta), "{}", reply.text());
    let odd = site.send("GET", "/acme/iris/_git/%22%3E%3Cscript%3E?go-get=1", "", by_host, "").await;
    assert!(!odd.text().contains("<script>"), "{}", odd.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repositorys_size_grows_with_it() {
    let site = Site::with_profile(Profile::Permissive).await;
    let size = async || {
        let repo = site.get("/acme/iris/_apis/git/repositories/extra", "alicepat").await.expect(200);
        assert_eq!((&repo["isDisabled"], &repo["isInMaintenance"]), (&json!(false), &json!(false)));
        repo["size"].as_u64().expect("a number")
    };
    let before = size().await;
    let changes = json!([crate::site::add("/a.txt", &"0123456789".repeat(100))]);
    site.push("extra", "refs/heads/grown", &"0".repeat(40), changes).await;
    assert!(size().await > before, "{before}");
}
