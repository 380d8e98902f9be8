//! The branches that users mark as favorites.

use serde_json::json;
use vsts_mock::Profile;

use crate::site::{Site, each};

#[tokio::test(flavor = "multi_thread")]
async fn branches_are_marked_as_favorites() {
    let site = Site::with_profile(Profile::Permissive).await;
    let at = "/acme/iris/_apis/git/favorites/refs";
    let repo = site.get("/acme/iris/_apis/git/repositories/extra", "bobspat").await.expect(200)["id"].clone();
    let new = json!({ "name": "refs/heads/topic", "repositoryId": repo, "type": 2 });
    let made = site.post(at, "bobspat", &new).await.expect(200);
    assert_eq!((&made["name"], &made["type"]), (&json!("refs/heads/topic"), &json!("ref")));
    let again = site.post(at, "bobspat", &new).await.expect(400);
    assert!(
        again["message"].as_str().expect("a text").contains("is already a favorite for user bob"),
        "{again}"
    );
    let wrong = json!({ "name": "topic", "repositoryId": repo, "type": 2 });
    assert_eq!(site.post(at, "bobspat", &wrong).await.status, 400);
    let long = json!({ "name": format!("refs/heads/{}", "a".repeat(400)), "repositoryId": repo, "type": 2 });
    let long = site.post(at, "bobspat", &long).await.expect(400);
    assert!(long["message"].as_str().is_some_and(|text| text.contains("400 bytes")), "{long}");
    assert_eq!(site.post(at, "davespat", &new).await.status, 404);
    // Everybody has their own.
    let names = async |query: &str, who: &str| {
        each(&site.get(&format!("{at}{query}"), who).await.expect(200), "name")
    };
    assert_eq!(names("", "bobspat").await, ["refs/heads/topic"]);
    assert_eq!(names("", "alicepat").await, Vec::<String>::new());
    let of_bob = format!("?identityId={}", made["identityId"].as_str().expect("an id"));
    assert_eq!(names(&of_bob, "alicepat").await, ["refs/heads/topic"]);
    let own = format!("{at}/{}", made["id"]);
    assert_eq!(site.delete(&own, "alicepat").await.status, 404);
    assert_eq!(site.get(&own, "bobspat").await.expect(200), made);
    assert_eq!(site.delete(&own, "bobspat").await.status, 200);
    assert_eq!(names("", "bobspat").await, Vec::<String>::new());
}
