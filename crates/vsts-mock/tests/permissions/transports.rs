//! The ways in: Git over HTTP, Git over SSH, Git LFS, the REST API, the pages, and the checks that ask without doing.
//!
//! Each tells what became of an attempt in one letter: `y` for yes, `-` where it is said that there is no such thing, `s`
//! where somebody has to sign in first, and the letter of the permission that is said to be lacking.

use serde_json::{Value, json};

use crate::client::Client;
use crate::testbed::Testbed;

/// An attempted action.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    Fetch,
    /// To change a ref from one of the two commits to another; `None` is nothing.
    Change {
        name: String,
        from: Option<usize>,
        to: Option<usize>,
    },
    /// Anything else over REST: method, path, body.
    Rest {
        method: &'static str,
        path: String,
        body: Value,
    },
}

/// The letters of the permissions that messages name.
const LETTERS: [(&str, char); 14] = [
    ("GenericRead", 'g'),
    ("GenericContribute", 'c'),
    ("ForcePush", 'f'),
    ("CreateBranch", 'b'),
    ("CreateTag", 't'),
    ("ManageNote", 'o'),
    ("ManagePermissions", 'm'),
    ("CreateRepository", 'r'),
    ("DeleteRepository", 'd'),
    ("RenameRepository", 'n'),
    ("Edit identity information", 'i'),
    ("PullRequestContribute", 'p'),
    ("PullRequestBypassPolicy", 'x'),
    ("EditPolicies", 'e'),
];

/// The verdict in a message.
fn letter(message: &str) -> Option<char> {
    if ["TF401019", "TF200016", "VS800075", "could not be found", "does not exist"]
        .iter()
        .any(|absent| message.contains(absent))
    {
        return Some('-');
    }
    if message.contains("TF402455") {
        return Some('B');
    }
    if message.contains("changed by its author only") {
        return Some('o');
    }
    let lacks = |name: &str| {
        (message.contains("TF401027") && message.contains(&format!("the Git '{name}' permission")))
            || (message.contains("TF50309") && message.contains(name))
    };
    if message.contains("The scopes of the access token of") {
        return Some('u');
    }
    LETTERS.into_iter().find(|(name, _)| lacks(name)).map(|(_, letter)| letter)
}

pub(crate) fn verdict(status: u16, body: &str) -> char {
    match status {
        401 => 's',
        200..=299 => 'y',
        // An account that is not to be seen is told of in other words.
        404 if body.contains("TF400813") => '-',
        _ => letter(body).unwrap_or_else(|| panic!("{status}: {body}")),
    }
}

impl Testbed {
    fn id(&self, commit: Option<usize>) -> String {
        commit.map_or_else(|| "0".repeat(40), |number| self.commits[number].clone())
    }

    /// A push of one ref without new objects, as the protocol has it.
    fn request(&self, name: &str, from: Option<usize>, to: Option<usize>) -> Vec<u8> {
        let command = format!("{} {} {name}\0report-status delete-refs", self.id(from), self.id(to));
        let mut request = format!("{:04x}{command}0000", command.len() + 4).into_bytes();
        if to.is_some() {
            // A pack of nothing: its head, and the SHA-1 of its head.
            request.extend(b"PACK\0\0\0\x02\0\0\0\0");
            request.extend([
                0x02, 0x9d, 0x08, 0x82, 0x3b, 0xd8, 0xa8, 0xea, 0xb5, 0x10, 0xad, 0x6a, 0xc7, 0x5c, 0x82,
                0x3c, 0xfd, 0x3e, 0xd3, 0x1e,
            ]);
        }
        request
    }

    pub(crate) async fn over_http(&self, token: &str, attempt: &Attempt) -> Option<char> {
        let (service, request) = match attempt {
            Attempt::Fetch => {
                let want = format!("want {}\n", self.commits[1]);
                ("upload-pack", format!("{:04x}{want}00000009done\n", want.len() + 4).into_bytes())
            }
            Attempt::Change { name, from, to } => ("receive-pack", self.request(name, *from, *to)),
            Attempt::Rest { .. } => return None,
        };
        let repo = "/iris/_git/extra";
        let path = format!("{repo}/info/refs?service=git-{service}");
        let first = self.http("GET", &path, token, "text/plain", Vec::new()).await;
        let kind = format!("application/x-git-{service}-request");
        let reply = self.http("POST", &format!("{repo}/git-{service}"), token, &kind, request).await;
        if first.status != 200 {
            let verdict = verdict(first.status, &first.body);
            assert_eq!(verdict, self::verdict(reply.status, &reply.body), "also to who does not ask first");
            return Some(verdict);
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        Some(of_git(&reply.body))
    }

    pub(crate) async fn over_ssh(&self, client: &mut Client, attempt: &Attempt) -> Option<char> {
        let (line, request) = match attempt {
            Attempt::Fetch => {
                let want = format!("want {}\n", self.commits[1]);
                let request = format!("{:04x}{want}00000009done\n", want.len() + 4);
                ("git-upload-pack '/iris/_ssh/extra'", request.into_bytes())
            }
            Attempt::Change { name, from, to } => {
                ("git-receive-pack '/iris/_ssh/extra'", self.request(name, *from, *to))
            }
            Attempt::Rest { .. } => return None,
        };
        let mut exec = client.exec(line).await;
        if !exec.is_let_in("0000").await {
            let output = exec.ended().await;
            assert_eq!(output.status, Some(1));
            return Some(letter(&output.err).unwrap_or_else(|| panic!("{output:?}")));
        }
        exec.send(&request).await;
        let output = exec.finish().await;
        Some(of_git(&output.out))
    }

    pub(crate) async fn over_rest(&self, token: &str, attempt: &Attempt) -> Option<char> {
        let repo = "/iris/_apis/git/repositories/extra";
        let (method, path, body) = match attempt {
            Attempt::Fetch => ("GET", format!("{repo}/items?path=/a"), Value::Null),
            Attempt::Change { name, from, to } => {
                let change =
                    json!([{ "name": name, "oldObjectId": self.id(*from), "newObjectId": self.id(*to) }]);
                ("POST", format!("{repo}/refs"), change)
            }
            Attempt::Rest { method, path, body } => (*method, path.clone(), body.clone()),
        };
        let reply = self.rest(method, &path, token, body).await;
        if reply.status == 200 && matches!(attempt, Attempt::Change { .. }) {
            let status = reply.json()["value"][0]["updateStatus"].clone();
            return Some(match status.as_str().expect("a status") {
                "succeeded" => 'y',
                "writePermissionRequired" => 'c',
                "rejectedByPolicy" => 'B',
                "forcePushRequired" => 'f',
                "createBranchPermissionRequired" => 'b',
                "createTagPermissionRequired" => 't',
                "manageNotePermissionRequired" => 'o',
                other => panic!("{other}: {reply:?}"),
            });
        }
        Some(verdict(reply.status, &reply.body))
    }

    /// The verdict about the large files of a fetch, or of a push to the ref.
    pub(crate) async fn over_lfs(&self, token: &str, attempt: &Attempt) -> Option<char> {
        let (operation, name) = match attempt {
            Attempt::Fetch => ("download", "refs/heads/master"),
            Attempt::Change { name, .. } => ("upload", name.as_str()),
            Attempt::Rest { .. } => return None,
        };
        let body = json!({ "operation": operation, "ref": { "name": name }, "objects": [] }).to_string();
        let (path, kind) = ("/iris/_git/extra/info/lfs/objects/batch", "application/vnd.git-lfs+json");
        let reply = self.http("POST", path, token, kind, body.into_bytes()).await;
        Some(verdict(reply.status, &reply.body))
    }

    /// Returns a page's verdict for the user with that token: `y` if it is shown and has the control for the action;
    /// `!` for a refusal.
    pub(crate) async fn on_page(&self, token: &str, action: &str) -> Option<char> {
        let repo = "/iris/_git/extra";
        let (path, control) = match action {
            "fetch" => (format!("{repo}/commits"), "By the maker."),
            "change permissions" => (format!("{repo}/permissions"), "Save changes"),
            "rename a repository" => (format!("{repo}/settings"), "value=\"rename\""),
            "delete a repository" => (format!("{repo}/settings"), "value=\"delete\""),
            "create a repository" => ("/iris/_new".to_owned(), "<form"),
            "create a project" => ("/_new".to_owned(), "<form"),
            _ => return None,
        };
        let reply = self.page(&path, token).await;
        Some(match reply.status {
            200 if reply.body.contains(control) => 'y',
            200 | 403 => '!',
            404 => '-',
            401 | 303 => 's',
            _ => panic!("{reply:?}"),
        })
    }

    /// Returns whether the security API says yes, to those who may ask it.
    pub(crate) async fn by_asking(&self, token: &str, namespace: &str, at: &str, bits: u32) -> bool {
        let at = at.replace('$', "%24").replace(':', "%3A");
        let path = format!("/_apis/permissions/{namespace}/{bits}?tokens={at}");
        let reply = self.rest("GET", &path, token, Value::Null).await;
        match reply.status {
            200 => reply.json()["value"][0].as_bool().expect("a truth value"),
            401 | 404 => false,
            _ => panic!("{reply:?}"),
        }
    }
}

/// Returns Git's final verdict: a pack, a ref that has changed, or the reason for a refusal.
fn of_git(output: &str) -> char {
    if output.contains("PACK")
        || output.contains("\nok refs/")
        || output.contains("ok refs/") && !output.contains("ng refs/")
    {
        'y'
    } else {
        letter(output).unwrap_or_else(|| panic!("{output}"))
    }
}
