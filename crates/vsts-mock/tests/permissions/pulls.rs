//! Pull requests by role, operation and way in: one verdict for REST, the pages, Git over HTTP and Git over SSH.

use serde_json::{Value, json};

use crate::client::Client;
use crate::testbed::{Reply, Testbed};
use crate::transports::{Attempt, verdict};

/// A role: its name, who has it, with which of their tokens (without one, nobody).
const ROLES: [(&str, &str, &str); 13] = [
    ("owner", "owner", "all"),
    ("project administrator", "admin", "all"),
    ("contributor", "contrib", "all"),
    ("reader", "reader", "all"),
    ("pull requests alone", "only", "all"),
    ("reader who is denied to work on pull requests", "mute", "all"),
    ("allowed to pass policies", "passing", "all"),
    ("outsider", "outsider", "all"),
    ("nobody", "", ""),
    ("contributor with vso.code", "contrib", "code"),
    ("contributor with vso.code_write", "contrib", "write"),
    ("contributor with vso.code_status", "contrib", "status"),
    ("contributor with vso.threads_full", "contrib", "threads"),
];

/// The ways in: the API, the pages as a browser uses them, and pushes.
const REST: &str = "rest";
const PAGES: &str = "pages";
const HTTP: &str = "http";
const SSH: &str = "ssh";

/// An operation, its ways, and the verdict for each role. Beside the letters of [`crate::transports`]: `p` that
/// PullRequestContribute is lacking, `x` PullRequestBypassPolicy, `e` EditPolicies; `o` that it is another's, `B` that the
/// branch takes pull requests alone.
const OPERATIONS: [(&str, &[&str], &str); 15] = [
    ("read", &[REST, PAGES], "yyyyyyy-syygg"),
    ("read comments", &[REST], "yyyyyyy-syygy"),
    ("create", &[REST, PAGES], "yyyyypy-spygg"),
    ("vote", &[REST, PAGES], "yyyyypy-spygg"),
    ("comment", &[REST, PAGES], "yyyyypy-spygy"),
    ("label", &[REST], "yyyyypy-spygg"),
    ("attach a file", &[REST], "yyyyypy-spygg"),
    ("list attachments", &[REST], "yyyyyyy-syygg"),
    ("post a status", &[REST], "yyyyypy-spyyg"),
    ("edit another's comment", &[REST], "ooooopo-spogo"),
    ("configure a policy", &[REST], "yyeeeee-seeee"),
    ("push to a protected branch", &[REST, HTTP, SSH], "BBBcccB-scBgg"),
    ("complete past a policy", &[REST, PAGES], "xxxccpy-spxgg"),
    ("complete", &[REST, PAGES], "yyyccpy-spygg"),
    ("delete the source branch", &[REST, HTTP, SSH], "fffcccf-scfgg"),
];

const REPO: &str = "/iris/_apis/git/repositories/extra";
const PULLS: &str = "/iris/_apis/git/repositories/extra/pullrequests";
const POLICIES: &str = "/iris/_apis/policy/configurations";

/// Completions have to have a work item below `kept/`.
fn policy() -> Value {
    let scope = json!([{ "refName": "refs/heads/kept", "matchKind": "Prefix", "repositoryId": null }]);
    json!({
        "isEnabled": true, "isBlocking": true, "type": { "id": "40e92b44-2fe1-4dd6-b3d8-74a9c21d0c6e" },
        "settings": { "scope": scope },
    })
}

fn branch(folder: &str, role: usize, way: &str) -> String {
    format!("refs/heads/{folder}/{role}-{way}")
}

/// The pull requests of a role by one way: one that can be completed, and one that a policy is against.
struct Own {
    free: i64,
    kept: i64,
}

/// Makes the branches, the pull requests, a comment on each, and the policy.
async fn prepare(testbed: &Testbed) -> Vec<[Own; 2]> {
    let mut refs = Vec::new();
    for role in 0..ROLES.len() {
        for way in [REST, PAGES, HTTP, SSH] {
            for (folder, commit) in [
                ("from", 1),
                ("past", 1),
                ("new", 1),
                ("into", 0),
                ("kept", 0),
                ("kept/push", 0),
                ("gone", 1),
            ] {
                refs.push(json!({ "name": branch(folder, role, way), "oldObjectId": "0".repeat(40),
                    "newObjectId": testbed.commits[commit] }));
            }
        }
    }
    let made = testbed.rest("POST", &format!("{REPO}/refs"), MAKER, Value::from(refs)).await.json();
    assert!(made["value"].as_array().expect("a list").iter().all(|one| one["success"] == true), "{made}");
    let open = async |source: &str, target: &str, role: usize, way: &str| {
        let body = json!({ "sourceRefName": branch(source, role, way), "targetRefName": branch(target, role, way), "title": way });
        let made = testbed.rest("POST", PULLS, MAKER, body).await.json();
        let id = made["pullRequestId"].as_i64().unwrap_or_else(|| panic!("{made}"));
        let thread = json!({ "comments": [{ "content": "By the maker." }] });
        let made = testbed.rest("POST", &format!("{PULLS}/{id}/threads"), MAKER, thread).await;
        assert_eq!(made.status, 200, "{made:?}");
        id
    };
    let mut all = Vec::new();
    for role in 0..ROLES.len() {
        let both = [REST, PAGES];
        let [rest, pages] = both.map(async |way| Own {
            free: open("from", "into", role, way).await,
            kept: open("past", "kept", role, way).await,
        });
        all.push([rest.await, pages.await]);
    }
    let made = testbed.rest("POST", POLICIES, MAKER, policy()).await;
    assert_eq!(made.status, 200, "{made:?}");
    all
}

const MAKER: &str = "maker-all-token";

/// The request to the API for an operation.
fn request(operation: &str, role: usize, own: &Own, tip: &str) -> (&'static str, String, Value) {
    let at = format!("{PULLS}/{}", own.free);
    let completed = |bypass: bool| {
        json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": tip },
            "completionOptions": { "mergeStrategy": 1, "bypassPolicy": bypass, "bypassReason": "In a hurry." } })
    };
    match operation {
        "read" => ("GET", at, Value::Null),
        "read comments" => ("GET", format!("{at}/threads"), Value::Null),
        "create" => {
            let (source, target) = (branch("new", role, REST), branch("into", role, REST));
            (
                "POST",
                PULLS.to_owned(),
                json!({ "sourceRefName": source, "targetRefName": target, "title": "n" }),
            )
        }
        "vote" => ("PUT", format!("{at}/reviewers/ME"), json!({ "vote": 10 })),
        "comment" => ("POST", format!("{at}/threads"), json!({ "comments": [{ "content": "x" }] })),
        "label" => ("POST", format!("{at}/labels"), json!({ "name": "ready" })),
        "attach a file" => {
            ("POST", format!("{at}/attachments/{role}.txt?api-version=4.1-preview.1"), json!("x"))
        }
        "list attachments" => ("GET", format!("{at}/attachments"), Value::Null),
        "post a status" => {
            ("POST", format!("{at}/statuses"), json!({ "state": "succeeded", "context": { "name": "ci" } }))
        }
        "edit another's comment" => {
            ("PATCH", format!("{at}/threads/1/comments/1"), json!({ "content": "y" }))
        }
        "configure a policy" => ("POST", POLICIES.to_owned(), policy()),
        "complete past a policy" => ("PATCH", format!("{PULLS}/{}", own.kept), completed(true)),
        "complete" => ("PATCH", at, completed(false)),
        other => unreachable!("{other} is a push"),
    }
}

/// The form on a page for an operation, with its fields; a page alone without fields.
fn form(operation: &str, role: usize, own: &Own, tip: &str) -> (String, Vec<(&'static str, String)>) {
    let page = |id: i64| format!("/iris/_git/extra/pullrequest/{id}");
    let field = |name: &'static str, value: &str| (name, value.to_owned());
    let short = |folder| branch(folder, role, PAGES).replace("refs/heads/", "");
    match operation {
        "read" => (page(own.free), Vec::new()),
        "create" => {
            let fields =
                vec![field("source", &short("new")), field("target", &short("into")), field("title", "n")];
            ("/iris/_git/extra/pullrequestcreate".to_owned(), fields)
        }
        "vote" => (page(own.free), vec![field("do", "vote"), field("vote", "10")]),
        "comment" => (page(own.free), vec![field("do", "comment"), field("content", "x")]),
        "complete past a policy" => {
            let fields =
                vec![field("do", "complete"), field("tip", tip), field("bypass", "on"), field("reason", "r")];
            (page(own.kept), fields)
        }
        "complete" => (page(own.free), vec![field("do", "complete"), field("tip", tip)]),
        other => unreachable!("{other} is not on a page"),
    }
}

/// A browser that is signed in.
struct Visitor<'t> {
    testbed: &'t Testbed,
    cookies: Vec<(String, String)>,
    is_signed_in: bool,
}

impl<'t> Visitor<'t> {
    async fn signed_in(testbed: &'t Testbed, person: &str) -> Self {
        let mut visitor = Self { testbed, cookies: Vec::new(), is_signed_in: false };
        if !person.is_empty() {
            let signed_in = visitor.post("/_signin", &[("demo", person.to_owned())]).await;
            assert_eq!(signed_in.status, 303, "{signed_in:?}");
            visitor.is_signed_in = true;
        }
        visitor
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let lines = format!(
            "Host: localhost\nAccept: text/html\nContent-Type: application/x-www-form-urlencoded\nCookie: {}\n",
            cookies.join("; ")
        );
        let answer = self.testbed.exchange(method, path, "", &lines, body.into_bytes()).await;
        for line in answer.head.lines() {
            let Some(cookie) = line.strip_prefix("set-cookie:") else { continue };
            let pair = cookie.trim().split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a name and a value");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        Reply { status: answer.status, body: answer.head.clone() + &answer.text() }
    }

    /// Sends a form as the page does that has it, also if this page does not show it.
    async fn post(&mut self, path: &str, fields: &[(&str, String)]) -> Reply {
        let of_form = if self.is_signed_in { "/_signout" } else { "/_signin" };
        let page = self.send("GET", of_form, String::new()).await.body;
        let after =
            page.split("name=\"_token\" value=\"").nth(1).unwrap_or_else(|| panic!("no form in {page}"));
        let token = after.split('"').next().unwrap_or_default();
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("_token", token).extend_pairs(fields);
        self.send("POST", path, body.finish()).await
    }

    async fn verdict(&mut self, (path, fields): (String, Vec<(&str, String)>)) -> char {
        let path = format!("/acme{path}");
        let reply = if fields.is_empty() {
            self.send("GET", &path, String::new()).await
        } else {
            self.post(&path, &fields).await
        };
        match reply.status {
            303 if reply.body.contains("location:/_signin") || reply.body.contains("location: /_signin") => {
                's'
            }
            200 | 303 => 'y',
            404 => '-',
            status => verdict(status, &reply.body),
        }
    }
}

/// The id of a user.
async fn identity(testbed: &Testbed, name: &str) -> String {
    let path = format!("/_apis/identities?searchFilter=General&filterValue={name}");
    let found = testbed.rest("GET", &path, MAKER, Value::Null).await.json();
    found["value"][0]["id"].as_str().unwrap_or("00000000-0000-0000-0000-000000000001").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_gives_the_same_verdict_on_pull_requests() {
    let testbed = Testbed::new().await;
    let pulls = prepare(&testbed).await;
    let tip = testbed.commits[1].clone();
    let mut wrong = Vec::new();
    for (role, (title, person, kind)) in ROLES.into_iter().enumerate() {
        let token = if person.is_empty() { String::new() } else { format!("{person}-{kind}-token") };
        let by_key = if kind == "all" { Some(Client::signed_in(&testbed, person).await) } else { None };
        let (mut by_key, me) = (by_key, identity(&testbed, person).await);
        let mut visitor = Visitor::signed_in(&testbed, if kind == "all" { person } else { "" }).await;
        for (operation, ways, verdicts) in OPERATIONS {
            let expected = char::from(verdicts.as_bytes()[role]);
            for way in ways {
                let change = |folder: &str, to: Option<usize>| {
                    let from = if to.is_some() { Some(0) } else { Some(1) };
                    Attempt::Change { name: branch(folder, role, way), from, to }
                };
                let push = match operation {
                    "push to a protected branch" => Some(change("kept/push", Some(1))),
                    "delete the source branch" => Some(change("gone", None)),
                    _ => None,
                };
                let found = match (*way, push) {
                    // A token is no session, and no key.
                    (PAGES | SSH, _) if kind != "all" && !person.is_empty() => continue,
                    (PAGES, _) => visitor.verdict(form(operation, role, &pulls[role][1], &tip)).await,
                    (REST, Some(push)) => testbed.over_rest(&token, &push).await.expect("a push"),
                    (HTTP, Some(push)) => testbed.over_http(&token, &push).await.expect("a push"),
                    (_, Some(push)) => match &mut by_key {
                        Some(client) => testbed.over_ssh(client, &push).await.expect("a push"),
                        None => continue,
                    },
                    (_, None) => {
                        let (method, path, body) = request(operation, role, &pulls[role][0], &tip);
                        let reply = testbed.rest(method, &path.replace("ME", &me), &token, body).await;
                        verdict(reply.status, &reply.body)
                    }
                };
                if found != expected {
                    wrong.push(format!("{title}: {operation}: {way} says {found}, not {expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
