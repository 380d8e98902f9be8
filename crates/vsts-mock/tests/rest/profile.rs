//! The caller's profile, in an account and at the hosts that the service has for it.

use serde_json::json;
use vsts_mock::Profile;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_has_a_profile() {
    for profile in [Profile::Permissive, Profile::Vsts, Profile::AzureDevops] {
        let site = Site::with_profile(profile).await;
        let data = site.get("/acme/_apis/connectionData", "alicepat").await.expect(200);
        let id = data["authenticatedUser"]["id"].as_str().expect("an id").to_owned();
        let forms = [
            ("", "/acme/_apis/Profile/Profiles/me"),
            ("", "/acme/_apis/profile/profiles/ME?api-version=1.0"),
            ("", "/acme/_apis/profile/profiles/me?api-version=4.1"),
            ("", "/acme/_apis/profile/profiles/me?api-version=5.0-preview.3"),
            ("", "/_apis/profile/profiles/me"),
            ("acme.vssps.visualstudio.com", "/_apis/profile/profiles/me"),
            ("acme.vsspsext.visualstudio.com", "/_apis/profile/profiles/me"),
            ("app.vssps.visualstudio.com", "/_apis/profile/profiles/me"),
            ("vssps.dev.azure.com", "/acme/_apis/profile/profiles/me"),
            ("acme.localhost", "/_apis/profile/profiles/me"),
        ];
        for (host, path) in forms {
            let more = if host.is_empty() { String::new() } else { format!("Host: {host}\r\n") };
            let me = site.send("GET", path, "alicepat", &more, "").await.expect(200);
            assert_eq!((&me["id"], &me["publicAlias"]), (&json!(id), &json!(id)), "{host}{path}");
            assert_eq!(
                (&me["displayName"], &me["emailAddress"]),
                (&json!("alice"), &json!("alice@example.com"))
            );
            assert!(me["revision"].is_u64() && me["coreRevision"].is_u64() && me["timeStamp"].is_string());
        }
        let by_id = site
            .get(&format!("/acme/_apis/profile/profiles/{id}?details=true"), "alicepat")
            .await
            .expect(200);
        assert_eq!(by_id["coreAttributes"]["DisplayName"]["value"], "alice");
        let seen = site.get(&format!("/acme/_apis/profile/profiles/{id}"), "bobspat").await.expect(200);
        assert_eq!(seen["displayName"], "alice", "they are in one account");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_not_to_be_seen_is_not_there() {
    let site = Site::with_profile(Profile::Permissive).await;
    let data = site.get("/acme/_apis/connectionData", "alicepat").await.expect(200);
    let id = data["authenticatedUser"]["id"].as_str().expect("an id").to_owned();
    let path = |id: &str| format!("/acme/_apis/profile/profiles/{id}");
    assert_eq!(site.get(&path(&id), "davespat").await.fails(404), "ProfileDoesNotExistException");
    assert_eq!(site.get(&path("me"), "davespat").await.expect(200)["displayName"], "dave");
    assert_eq!(site.get(&path("nobody"), "alicepat").await.status, 404);
    assert_eq!(site.get(&path("me"), "").await.status, 401);
    assert_eq!(site.get(&path("me"), "alice-reads").await.status, 403, "a token for code alone");
}
