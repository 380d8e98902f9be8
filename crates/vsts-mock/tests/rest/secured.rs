//! A site whose access control is looked at and changed: its tokens, its descriptors, the requests.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Reply, Site};

/// The namespace of Git repositories.
pub(crate) const GIT: &str = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87";

/// The site, and what tokens and descriptors in it are made of.
pub(crate) struct Secured {
    pub(crate) site: Site,
    pub(crate) account: String,
    pub(crate) project: String,
    repo: String,
}

impl Secured {
    pub(crate) async fn start() -> Self {
        let site = Site::with_profile(Profile::Permissive).await;
        let repo = site.get("/acme/iris/_apis/git/repositories/extra", "alicepat").await.expect(200);
        let data = site.get("/acme/_apis/connectionData", "alicepat").await.expect(200);
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let (account, project, id) =
            (text(&data["instanceId"]), text(&repo["project"]["id"]), text(&repo["id"]));
        Self { site, account, project, repo: id }
    }

    pub(crate) fn token(&self) -> String {
        format!("repoV2/{}/{}", self.project, self.repo)
    }

    /// The token of master.
    pub(crate) fn master(&self) -> String {
        format!("{}/refs/heads/6d0061007300740065007200", self.token())
    }

    pub(crate) async fn descriptor(&self, called: &str) -> String {
        let called = called.replace(' ', "%20").replace('\\', "%5C").replace('[', "%5B").replace(']', "%5D");
        let path = format!("/acme/_apis/identities?searchFilter=General&filterValue={called}");
        let found = self.site.get(&path, "alicepat").await.expect(200);
        assert_eq!(found["count"], 1, "{called}: {found}");
        found["value"][0]["descriptor"].as_str().expect("a string").to_owned()
    }

    pub(crate) async fn set(
        &self,
        who: &str,
        token: &str,
        merge: bool,
        descriptor: &str,
        bits: (u32, u32),
    ) -> Reply {
        let entry = json!({ "descriptor": descriptor, "allow": bits.0, "deny": bits.1 });
        let body = json!({ "token": token, "merge": merge, "accessControlEntries": [entry] });
        self.site.post(&format!("/acme/_apis/accesscontrolentries/{GIT}"), who, &body).await
    }

    pub(crate) async fn lists(&self, who: &str, query: &str) -> Value {
        self.site.get(&format!("/acme/_apis/accesscontrollists/{GIT}?{query}"), who).await.expect(200)
    }

    /// The verdicts on a permission at some tokens.
    pub(crate) async fn may(&self, who: &str, bits: u32, tokens: &[&str]) -> Value {
        let path = format!("/acme/_apis/permissions/{GIT}/{bits}?tokens={}", tokens.join(","));
        self.site.get(&path, who).await.expect(200)["value"].take()
    }
}

pub(crate) fn in_query(descriptor: &str) -> String {
    descriptor.replace('\\', "%5C").replace(';', "%3B")
}
