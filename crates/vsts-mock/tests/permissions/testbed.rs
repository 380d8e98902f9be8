//! A server with people in every role, each with a key and tokens, and a repository to try things on.

use std::fmt::Write as _;
use std::ops::Deref;

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::ssh::make_key;
use vsts_mock::{Builder, Profile};

use crate::running::Running;

/// Everybody who can sign in.
pub(crate) const USERS: [&str; 16] = [
    "maker", "owner", "admin", "contrib", "reader", "outsider", "denied", "blinded", "allowed", "forcing",
    "nested", "team", "torn", "only", "mute", "passing",
];

const PLACES: &str = r#"
[[accounts]]
name = "acme"
owner = "owner"
administrators = ["maker"]
[[accounts.projects]]
name = "iris"
administrators = ["admin", "torn"]
contributors = ["contrib", "denied", "forcing", "torn", "passing"]
readers = ["reader", "blinded", "allowed", "mute"]
[[accounts.projects.acl]]
user = "denied"
deny = ["GenericContribute"]
[[accounts.projects.acl]]
user = "blinded"
deny = ["GenericRead"]
[[accounts.projects.acl]]
user = "allowed"
allow = ["GenericContribute", "CreateBranch"]
[[accounts.projects.acl]]
user = "forcing"
allow = ["ForcePush"]
[[accounts.projects.acl]]
user = "only"
allow = ["GenericRead", "PullRequestContribute"]
[[accounts.projects.acl]]
user = "mute"
deny = ["PullRequestContribute"]
[[accounts.projects.acl]]
user = "passing"
allow = ["PullRequestBypassPolicy"]
[[accounts.projects.repos]]
name = "extra"
[[accounts.projects.repos.acl]]
group = "Contributors"
branch = "guarded"
deny = ["GenericContribute"]
"#;

/// The running server.
pub(crate) struct Testbed {
    running: Running,
    /// Ids in the seed.
    pub(crate) project: String,
    pub(crate) repo: String,
    /// Two commits, the second upon the first.
    pub(crate) commits: [String; 2],
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Deref for Testbed {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Testbed {
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().expect("a folder");
        let mut seed = "demo_sign_in = true\n".to_owned();
        for name in USERS {
            let key = make_key(dir.path(), name, &["-t", "ed25519"]);
            write!(
                seed,
                "[[users]]\nname = \"{name}\"\nssh_keys = [{{ name = \"laptop\", key = \"{key}\" }}]\ntokens = [\n\
                 {{ name = \"all\", value = \"{name}-all-token\" }},\n\
                 {{ name = \"code\", value = \"{name}-code-token\", scopes = [\"vso.code\"] }},\n\
                 {{ name = \"write\", value = \"{name}-write-token\", scopes = [\"vso.code_write\"] }},\n\
                 {{ name = \"status\", value = \"{name}-status-token\", scopes = [\"vso.code_status\"] }},\n\
                 {{ name = \"threads\", value = \"{name}-threads-token\", scopes = [\"vso.threads_full\"] }},\n\
                 {{ name = \"work\", value = \"{name}-work-token\", scopes = [\"vso.work\"] }},\n]\n"
            )
            .expect("a String takes it");
        }
        let set = |builder: Builder| builder.profile(Profile::Permissive);
        let running = Running::start(dir, &(seed + PLACES), set).await;
        let (project, repo) = (String::new(), String::new());
        let mut testbed = Self { running, project, repo, commits: [const { String::new() }; 2] };
        testbed.fill().await;
        testbed
    }

    /// Two commits on master, and the groups of those who are in one through another.
    async fn fill(&mut self) {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} is a string")).to_owned();
        let repo =
            self.rest("GET", "/iris/_apis/git/repositories/extra", "maker-all-token", Value::Null).await;
        (self.project, self.repo) = (text(&repo.json()["project"]["id"]), text(&repo.json()["id"]));
        let mut old = "0".repeat(40);
        for (number, path) in ["/a", "/b"].into_iter().enumerate() {
            let change = json!({ "changeType": "add", "item": { "path": path },
                "newContent": { "content": path, "contentType": "rawtext" } });
            let body = json!({ "refUpdates": [{ "name": "refs/heads/master", "oldObjectId": old }],
                "commits": [{ "comment": "By the maker.", "changes": [change] }] });
            let made = self
                .rest("POST", "/iris/_apis/git/repositories/extra/pushes", "maker-all-token", body)
                .await
                .json();
            old = text(&made["commits"][0]["commitId"]);
            self.commits[number].clone_from(&old);
        }
        let identities = "/_apis/identities?searchFilter=General&filterValue=";
        let subject = async |called: &str| {
            let found =
                self.rest("GET", &format!("{identities}{called}"), "maker-all-token", Value::Null).await;
            text(&found.json()["value"][0]["subjectDescriptor"])
        };
        let groups = "/_apis/graph/groups";
        let scope = format!("/_apis/graph/descriptors/{}", self.project);
        let scope = text(&self.rest("GET", &scope, "maker-all-token", Value::Null).await.json()["value"]);
        let within = text(
            &self
                .rest(
                    "POST",
                    &format!("{groups}?scopeDescriptor={scope}"),
                    "maker-all-token",
                    json!({ "displayName": "Within" }),
                )
                .await
                .json()["descriptor"],
        );
        let (contributors, team) = (subject("Contributors").await, subject("iris%20Team").await);
        let into = async |path: String, name: &str| {
            let body = json!({ "principalName": name });
            let reply = self.rest("POST", &path, "maker-all-token", body).await;
            assert_eq!(reply.status, 201, "{reply:?}");
        };
        into(format!("/_apis/graph/users?groupDescriptors={within}"), "nested").await;
        into(format!("/_apis/graph/users?groupDescriptors={team}"), "team").await;
        let nest = format!("/_apis/graph/memberships/{within}/{contributors}");
        assert_eq!(self.rest("PUT", &nest, "maker-all-token", Value::Null).await.status, 200);
    }

    /// A request below the account, with a token or without one.
    pub(crate) async fn rest(&self, method: &str, path: &str, token: &str, body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.http(method, path, token, "application/json", body.into_bytes()).await
    }

    /// A page, as a browser asks for it.
    pub(crate) async fn page(&self, path: &str, token: &str) -> Reply {
        self.http("GET", path, token, "text/plain\nAccept: text/html", Vec::new()).await
    }

    pub(crate) async fn http(
        &self,
        method: &str,
        path: &str,
        token: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> Reply {
        let lines = format!("Host: localhost\nContent-Type: {kind}\n");
        let answer = self.exchange(method, &format!("/acme{path}"), token, &lines, body).await;
        Reply { status: answer.status, body: answer.text() }
    }
}
