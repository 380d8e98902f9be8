//! The table of profiles, row by row: a server of each profile is asked, and has to be as the table says.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use vsts_mock::Profile;

use crate::ask::Site;
use crate::raw;

const ALICE: &str = "alice-all-scopes";
const REPO: &str = "/acme/iris/_git/iris";
const KEYS: &str = "/_apis/Token/SessionTokens?isPublic=true&api-version=5.0-preview.1";
const VERSIONS: [&str; 8] = ["8.0", "7.2", "7.1", "7.0", "6.0", "5.1", "5.0", "4.1"];

/// A server of a profile with one commit in its repository, and keys of a stranger.
struct Asked {
    site: Site,
    tip: String,
    dir: TempDir,
}

impl Asked {
    async fn start(profile: Profile) -> Self {
        let site = Site::with(|builder| builder.profile(profile)).await;
        let push = json!({
            "refUpdates": [{ "name": "refs/heads/master", "oldObjectId": "0".repeat(40) }],
            "commits": [{ "comment": "c", "changes": [{
                "changeType": "add",
                "item": { "path": "/a" },
                "newContent": { "content": "a", "contentType": "rawtext" },
            }] }],
        });
        let path = "/acme/iris/_apis/git/repositories/iris/pushes?api-version=4.1";
        let pushed = site.ask("POST", path, ALICE, &push).await;
        assert_eq!(pushed.status, 201, "{pushed:?}");
        let tip = pushed.json()["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned();
        let dir = TempDir::new().expect("a folder");
        for (kind, bits) in [("ed25519", "256"), ("rsa", "2048")] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-N", "", "-t", kind, "-b", bits, "-f"])
                .arg(dir.path().join(kind))
                .status();
            assert!(made.expect("ssh-keygen starts").success());
        }
        Self { site, tip, dir }
    }

    async fn advertisement(&self, service: &str, version: u8) -> String {
        let headers = format!("Authorization: Bearer {ALICE}\nGit-Protocol: version={version}\n");
        let answer =
            self.site.send("GET", &format!("{REPO}/info/refs?service={service}"), &headers, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text
    }

    async fn status(&self, method: &str, path: &str, body: &Value) -> u16 {
        self.site.ask(method, path, ALICE, body).await.status
    }

    async fn register(&self, kind: &str) -> bool {
        let line = std::fs::read_to_string(self.dir.path().join(format!("{kind}.pub"))).expect("a key");
        let body = json!({ "displayName": kind, "publicData": line.trim(), "isPublic": true });
        let answer = self.site.ask("POST", KEYS, ALICE, &body).await;
        assert!(answer.status == 200 || answer.text.contains("Valid keys will start with"), "{answer:?}");
        answer.status == 200
    }

    fn ssh_port(&self) -> String {
        let url = self.site.server.ready().ssh.clone().expect("the server has SSH");
        url.rsplit(':').next().expect("a port").to_owned()
    }

    /// Returns the server's value in a row of the table.
    async fn observe(&self, what: &str) -> String {
        match what {
            "versions of the Git protocol" => {
                let mut spoken = vec!["0"];
                for (version, name) in [(1, "1"), (2, "2")] {
                    let text = self.advertisement("git-upload-pack", version).await;
                    if text.contains(&format!("version {version}\n")) {
                        spoken.push(name);
                    }
                }
                spoken.join(", ")
            }
            "partial clones (`filter`)" => {
                yes(self.advertisement("git-upload-pack", 0).await.contains(" filter"))
            }
            "atomic pushes, push options" => {
                let text = self.advertisement("git-receive-pack", 0).await;
                assert_eq!(text.contains(" atomic "), text.contains(" push-options "), "both or none");
                yes(text.contains(" atomic "))
            }
            "fetching by a client that lists capabilities without `multi_ack`" => {
                let mut body = raw::lines(&[&format!("want {} side-band-64k\n", self.tip)]);
                body.extend(b"0009done\n");
                let body = String::from_utf8(body).expect("text");
                let headers = format!(
                    "Authorization: Bearer {ALICE}\nContent-Type: application/x-git-upload-pack-request\n"
                );
                let answer =
                    self.site.send("POST", &format!("{REPO}/git-upload-pack"), &headers, &body).await;
                match answer.status {
                    200 => "answered".to_owned(),
                    400 if answer.text.contains("TF401041") => "TF401041".to_owned(),
                    _ => panic!("{answer:?}"),
                }
            }
            "the largest API version told to clients" => {
                let rows = self.site.ask("OPTIONS", "/acme/_apis/git", "", &Value::Null).await.json();
                let rows = rows["value"].as_array().expect("a list").clone();
                let refs = rows.iter().find(|row| row["id"] == "2d874a60-a811-4f62-9c9f-963a6ea0a55b");
                refs.expect("a row for refs")["maxVersion"].as_str().expect("a version").to_owned()
            }
            "the largest API version answered" => {
                for version in VERSIONS {
                    let path = format!("/acme/iris/_apis/git/repositories?api-version={version}-preview");
                    if self.status("GET", &path, &Value::Null).await == 200 {
                        return version.to_owned();
                    }
                }
                "none".to_owned()
            }
            "an API request that writes and names no version" => {
                let path = "/acme/iris/_apis/git/repositories";
                match self.status("POST", path, &json!({ "name": "another" })).await {
                    201 => "answered".to_owned(),
                    400 => "refused".to_owned(),
                    status => status.to_string(),
                }
            }
            "personal access tokens by `_apis/tokens/pats`" => {
                let path = "/acme/_apis/tokens/pats?api-version=7.1-preview.1";
                match self.status("GET", path, &Value::Null).await {
                    200 => yes(true),
                    404 => yes(false),
                    status => status.to_string(),
                }
            }
            "SSH keys that users register" => {
                let any = self.register("ed25519").await;
                assert!(self.register("rsa").await, "RSA keys are taken everywhere");
                if any { "all kinds" } else { "ssh-rsa" }.to_owned()
            }
            "an SSH key that nobody has registered" => self.sign_in_as_a_stranger().await,
            "Git LFS over SSH" => {
                // An earlier row has registered the key.
                let key = self.dir.path().join("rsa");
                let said = self.ssh(&key, "git-lfs-authenticate /iris/_git/iris download").await;
                assert!(!said.contains("authentication failed") && !said.contains("TF401019"), "{said}");
                yes(!said.contains("remote: Could not find a Command Extension"))
            }
            "what the server calls itself over SSH" => {
                let stream = std::net::TcpStream::connect(format!("127.0.0.1:{}", self.ssh_port()));
                let mut line = String::new();
                BufReader::new(stream.expect("a connection")).read_line(&mut line).expect("a line");
                let name = line.trim_end().strip_prefix("SSH-2.0-").expect("an identification");
                name.rsplit_once('_').expect("a version").0.to_owned()
            }
            other => panic!("nobody has said how to ask for {other:?}"),
        }
    }

    async fn sign_in_as_a_stranger(&self) -> String {
        let key = self.dir.path().join("stranger");
        let made =
            Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen starts").success());
        let said = self.ssh(&key, "git-upload-pack '/iris/_git/iris'").await;
        if said.contains("Permission denied (publickey)") {
            "refused at sign-in".to_owned()
        } else if said.contains("remote: Public key authentication failed.") {
            "refused at the command".to_owned()
        } else {
            said
        }
    }

    /// Asks for a command over SSH; returns what is said on the error stream.
    async fn ssh(&self, key: &Path, line: &str) -> String {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
            .args([
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "IdentityAgent=none",
                "-o",
                "IdentitiesOnly=yes",
            ])
            .args(["-p", &self.ssh_port(), "-i"])
            .arg(key)
            .args(["acme@127.0.0.1", line])
            .stdin(std::process::Stdio::null());
        let output =
            tokio::task::spawn_blocking(move || ssh.output()).await.expect("it ran").expect("ssh starts");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

fn yes(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_table_is_so() {
    for (column, profile) in Profile::ALL.into_iter().enumerate() {
        let asked = Asked::start(profile).await;
        for row in Profile::TABLE {
            let observed = asked.observe(row.what).await;
            assert_eq!(observed, row.values[column], "{}: {}", profile.name(), row.what);
        }
    }
}
