//! The expected verdicts: a row for every action, a column for every role, one verdict for all transports.

use serde_json::{Value, json};

use crate::client::Client;
use crate::testbed::Testbed;
use crate::transports::Attempt;

/// A role: its name, who has it, with which of their tokens (without one, nobody).
const ROLES: [(&str, &str, &str); 15] = [
    ("owner", "owner", "all"),
    ("project administrator", "admin", "all"),
    ("contributor", "contrib", "all"),
    ("reader", "reader", "all"),
    ("outsider", "outsider", "all"),
    ("nobody", "", ""),
    ("owner with a token that reads", "owner", "code"),
    ("owner with a token for something else", "owner", "work"),
    ("contributor who is denied to contribute", "denied", "all"),
    ("reader who is denied to read", "blinded", "all"),
    ("reader who is allowed to contribute and to branch", "allowed", "all"),
    ("contributor who is allowed to force", "forcing", "all"),
    ("in a group that is in Contributors", "nested", "all"),
    ("in the team", "team", "all"),
    ("administrator and contributor", "torn", "all"),
];

const TRANSPORTS: [&str; 3] = ["http", "ssh", "rest"];

const GIT: &str = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87";
const IDENTITY: &str = "5a27515b-ccd7-42c9-84f1-54c998f03866";

/// An action: what it changes if it is Git's, the bits that ask for it, and the verdicts. The letters are those of
/// [`crate::transport`].
const ACTIONS: [(&str, Git, u32, &str); 15] = [
    ("fetch", Git::Fetch, 2, "yyyy-sygy-yyyyy"),
    ("push", Git::Change("refs/heads/push", Some(0), Some(1)), 4, "yyyc-scgc-yyyyy"),
    ("push to a guarded folder", Git::Change("refs/heads/guarded", Some(0), Some(1)), 4, "yycc-scgc-ycccy"),
    ("force-push", Git::Change("refs/heads/force", Some(1), Some(0)), 12, "fffc-scgc-fyfff"),
    ("create a branch", Git::Change("refs/heads/new", None, Some(1)), 20, "yyyc-scgc-yyyyy"),
    ("create a tag", Git::Change("refs/tags/new", None, Some(1)), 36, "yyyc-scgc-tyyyy"),
    ("write a note", Git::Change("refs/notes/new", None, Some(1)), 68, "yyyc-scgc-oyyyy"),
    ("delete a branch", Git::Change("refs/heads/old", Some(1), None), 12, "fffc-scgc-fyfff"),
    ("delete a tag", Git::Change("refs/tags/old", Some(1), None), 12, "fffc-scgc-fyfff"),
    ("change permissions", Git::Not, 8192, "yymm-smmm-mmmmy"),
    ("create a repository", Git::Not, 256, "yyrr-srrrrrrrry"),
    ("rename a repository", Git::Not, 1024, "yynn-sngn-nnnny"),
    ("delete a repository", Git::Not, 512, "yydd-sdgd-ddddy"),
    ("create a project", Git::Not, 256, "yrrr-srrrrrrrrr"),
    ("put somebody into a group", Git::Not, 8, "yyii-suuiiiiiiy"),
];

/// The effect of an action on a repository by Git.
#[derive(Clone, Copy, Debug)]
enum Git {
    Fetch,
    /// Below which folder there is a ref for each try, and from which commit to which it changes.
    Change(&'static str, Option<usize>, Option<usize>),
    Not,
}

fn ref_name(folder: &str, role: usize, transport: &str) -> String {
    format!("{folder}/{role}-{transport}")
}

/// A ref's name as tokens spell it.
fn encoded(name: &str) -> String {
    let segment = |(position, segment): (usize, &str)| {
        if position < 2 {
            return segment.to_owned();
        }
        // The lower byte comes first.
        let units = segment.encode_utf16().map(u16::swap_bytes);
        units.fold(String::new(), |hex, unit| format!("{hex}{unit:04x}"))
    };
    name.split('/').enumerate().map(segment).collect::<Vec<_>>().join("/")
}

/// Makes the refs that are there before, and a repository to rename and one to delete for every role.
async fn prepare(testbed: &Testbed) {
    let mut refs = Vec::new();
    for (_, git, ..) in ACTIONS {
        let Git::Change(folder, Some(from), _) = git else { continue };
        for role in 0..ROLES.len() {
            for transport in TRANSPORTS {
                refs.push(json!({ "name": ref_name(folder, role, transport), "oldObjectId": "0".repeat(40),
                    "newObjectId": testbed.commits[from] }));
            }
        }
    }
    let path = "/iris/_apis/git/repositories/extra/refs";
    let made = testbed.rest("POST", path, "maker-all-token", Value::from(refs)).await.json();
    assert!(made["value"].as_array().expect("a list").iter().all(|one| one["success"] == true), "{made}");
    for role in 0..ROLES.len() {
        for kind in ["rename", "delete"] {
            let body = json!({ "name": format!("{kind}-{role}") });
            let made = testbed.rest("POST", "/iris/_apis/git/repositories", "maker-all-token", body).await;
            assert_eq!(made.status, 201, "{made:?}");
        }
    }
}

/// Somebody's descriptors: of identities, and of subjects of the graph.
async fn descriptors(testbed: &Testbed, called: &str) -> (String, String) {
    let path = format!("/_apis/identities?searchFilter=General&filterValue={called}");
    let found = testbed.rest("GET", &path, "maker-all-token", Value::Null).await.json();
    let text = |field: &str| found["value"][0][field].as_str().expect("a string").to_owned();
    (text("descriptor"), text("subjectDescriptor"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_gives_the_same_verdict() {
    let testbed = Testbed::new().await;
    prepare(&testbed).await;
    let (reader, reader_subject) = descriptors(&testbed, "reader").await;
    let readers = descriptors(&testbed, "Readers").await.1;
    let repos = "/iris/_apis/git/repositories";
    let rest = |action: &str, role: usize| {
        let (method, path, body) = match action {
            "change permissions" => {
                let nothing = json!([{ "descriptor": reader, "allow": 0, "deny": 0 }]);
                let token = format!("repoV2/{}/{}", testbed.project, testbed.repo);
                let body = json!({ "token": token, "merge": true, "accessControlEntries": nothing });
                ("POST", format!("/_apis/accesscontrolentries/{GIT}"), body)
            }
            "create a repository" => ("POST", repos.to_owned(), json!({ "name": format!("made-{role}") })),
            "rename a repository" => {
                ("PATCH", format!("{repos}/rename-{role}"), json!({ "name": format!("renamed-{role}") }))
            }
            "delete a repository" => ("DELETE", format!("{repos}/delete-{role}"), Value::Null),
            "create a project" => {
                ("POST", "/_apis/projects".to_owned(), json!({ "name": format!("p{role}") }))
            }
            "put somebody into a group" => {
                ("PUT", format!("/_apis/graph/memberships/{reader_subject}/{readers}"), Value::Null)
            }
            other => unreachable!("{other} is Git's"),
        };
        Attempt::Rest { method, path, body }
    };
    let mut wrong = Vec::new();
    for (role, (title, person, kind)) in ROLES.into_iter().enumerate() {
        let token = if person.is_empty() { String::new() } else { format!("{person}-{kind}-token") };
        let mut ssh = if kind == "all" { Some(Client::signed_in(&testbed, person).await) } else { None };
        for (action, git, bits, verdicts) in ACTIONS {
            let expected = char::from(verdicts.as_bytes()[role]);
            let (namespace, at) = match (action, git) {
                (_, Git::Change(folder, ..)) => {
                    let name = encoded(&ref_name(folder, role, "asked"));
                    (GIT, format!("repoV2/{}/{}/{name}", testbed.project, testbed.repo))
                }
                ("create a repository", _) => (GIT, format!("repoV2/{}", testbed.project)),
                ("create a project", _) => (GIT, "repoV2".to_owned()),
                ("put somebody into a group", _) => (IDENTITY, testbed.project.clone()),
                _ => (GIT, format!("repoV2/{}/{}", testbed.project, testbed.repo)),
            };
            let output = testbed.by_asking(&token, namespace, &at, bits).await;
            if output != (expected == 'y') {
                wrong.push(format!("{title}: {action}: the security API says {output}, not {expected}"));
            }
            let on_page = testbed.on_page(&token, action).await;
            let sees = if ['y', 's', '-'].contains(&expected) { expected } else { '!' };
            if on_page.is_some_and(|found| found != sees) {
                wrong.push(format!("{title}: {action}: the page says {on_page:?}, not {sees}"));
            }
            let attempt = |transport: &str| match git {
                Git::Fetch => Attempt::Fetch,
                Git::Change(folder, from, to) => {
                    Attempt::Change { name: ref_name(folder, role, transport), from, to }
                }
                Git::Not => rest(action, role),
            };
            if ["fetch", "push", "push to a guarded folder"].contains(&action) {
                let found = testbed.over_lfs(&token, &attempt("lfs")).await;
                if found != Some(expected) {
                    wrong.push(format!("{title}: {action}: Git LFS says {found:?}, not {expected}"));
                }
            }
            for transport in TRANSPORTS {
                let attempt = attempt(transport);
                let found = match (transport, &mut ssh) {
                    ("http", _) => testbed.over_http(&token, &attempt).await,
                    ("ssh", Some(client)) => testbed.over_ssh(client, &attempt).await,
                    ("ssh", None) => None,
                    _ => testbed.over_rest(&token, &attempt).await,
                };
                if found.is_some_and(|found| found != expected) {
                    wrong.push(format!("{title}: {action}: {transport} says {found:?}, not {expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_is_gone_on_every_endpoint_at_once() {
    let testbed = Testbed::new().await;
    let (contrib, subject) = descriptors(&testbed, "contrib").await;
    let contributors = descriptors(&testbed, "Contributors").await.1;
    let token = format!("repoV2/{}/{}", testbed.project, testbed.repo);
    let mut client = Client::signed_in(&testbed, "contrib").await;
    // What is done to the right, and the verdicts before and after.
    let entry = |deny: u32| {
        let entries = json!([{ "descriptor": contrib, "allow": 0, "deny": deny }]);
        let body = json!({ "token": token, "merge": false, "accessControlEntries": entries });
        ("POST", format!("/_apis/accesscontrolentries/{GIT}"), body)
    };
    let membership = format!("/_apis/graph/memberships/{subject}/{contributors}");
    let steps = [
        (entry(0), "yy"),
        (entry(4), "yc"),
        (entry(2), "--"),
        (entry(0), "yy"),
        (("DELETE", membership.clone(), Value::Null), "--"),
        (("PUT", membership, Value::Null), "yy"),
    ];
    for (number, ((method, path, body), expected)) in steps.into_iter().enumerate() {
        let done = testbed.rest(method, &path, "owner-all-token", body).await;
        assert!(done.status < 300, "{done:?}");
        let mut found = [String::new(), String::new(), String::new()];
        for (transport, verdicts) in TRANSPORTS.into_iter().zip(&mut found) {
            let name = format!("refs/heads/step-{number}-{transport}");
            for attempt in [Attempt::Fetch, Attempt::Change { name, from: None, to: Some(0) }] {
                let verdict = match transport {
                    "http" => testbed.over_http("contrib-all-token", &attempt).await,
                    "ssh" => testbed.over_ssh(&mut client, &attempt).await,
                    _ => testbed.over_rest("contrib-all-token", &attempt).await,
                };
                verdicts.extend(verdict);
            }
        }
        assert_eq!(found, [expected; 3], "step {number}");
    }
}
