//! `--intercept`: programs with the service's host names in them reach the server, unmodified and without root.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use test_support::{Answer, http};

use crate::binary::{Served, command};
use crate::git::SEED;

/// Runs a script below `vsts-mock exec --intercept`; what it prints.
fn exec(dir: &Path, more: &[&str], script: &str) -> String {
    std::fs::write(dir.join("seed.toml"), SEED).expect("a seed");
    std::fs::write(dir.join("script.sh"), script).expect("a script");
    let fixed = ["exec", "--intercept", "--config", "seed.toml"];
    let output = command(dir, &[&fixed, more, &["--", "sh", "-e", "script.sh"]].concat())
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("the binary runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// The value of a line `name value` in what a script printed.
fn line<'a>(said: &'a str, name: &str) -> &'a str {
    let found = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no line {name} in: {said}"))
}

#[test]
fn git_pushes_to_every_address_that_the_service_has_had() {
    let dir = TempDir::new().expect("a folder");
    let key = dir.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&key).status();
    assert!(made.expect("ssh-keygen starts").success());
    let said = exec(
        dir.path(),
        &[],
        r#"
export GIT_TERMINAL_PROMPT=0
git clone -q https://x:alicepat@dev.azure.com/acme/iris/_git/extra one
cd one
git -c user.name=alice -c user.email=alice@example.com commit -q --allow-empty -m first
git push -q origin HEAD:master
tip=$(git rev-parse HEAD)
curl -sf -X POST -H 'Content-Type: application/json' "$VSTS_MOCK_HTTP/_mock/users/alice/keys" \
  -H "Authorization: Bearer $VSTS_MOCK_ADMIN_TOKEN" -d "{\"name\":\"k\",\"key\":\"$(cat ../key.pub)\"}" > /dev/null
export GIT_SSH_COMMAND="$GIT_SSH_COMMAND -i ../key -o IdentitiesOnly=yes -o BatchMode=yes"
for url in https://x:alicepat@dev.azure.com/acme/iris/_git/extra https://x:alicepat@acme.visualstudio.com/iris/_git/extra \
  git@ssh.dev.azure.com:v3/acme/iris/extra acme@vs-ssh.visualstudio.com:v3/acme/iris/extra; do
  test "$(git ls-remote "$url" refs/heads/master | cut -f1)" = "$tip"
  echo "$url same"
done
"#,
    );
    assert_eq!(said.matches(" same\n").count(), 4, "{said}");
}

#[test]
fn clients_in_python_and_node_need_no_change_and_reach_nothing_else() {
    let dir = TempDir::new().expect("a folder");
    let said = exec(
        dir.path(),
        &["--profile", "azure-devops"],
        r#"
python3 - <<'END'
import json, os, urllib.error, urllib.request
from base64 import b64encode
headers = {"Authorization": "Basic " + b64encode(b":alicepat").decode()}
def get(url):
    return json.load(urllib.request.urlopen(urllib.request.Request(url, headers=headers)))
for host in ["https://dev.azure.com/acme", "https://vsrm.dev.azure.com/acme", "https://acme.visualstudio.com"]:
    print("python", get(host + "/_apis/projects?api-version=4.1")["value"][0]["url"].split("/_apis")[0])
repo = get("https://dev.azure.com/acme/iris/_apis/git/repositories/extra?api-version=7.0")
print("remoteUrl", repo["remoteUrl"])
print("sshUrl", repo["sshUrl"])
print("webUrl", repo["webUrl"])
try:
    get("https://example.com/")
except urllib.error.URLError as error:
    print("refused", error)
print("loopback", urllib.request.urlopen(os.environ["VSTS_MOCK_HTTP"] + "/_mock/health").status)
END
node - <<'END'
const headers = { Authorization: 'Basic ' + Buffer.from(':alicepat').toString('base64') };
const url = 'https://dev.azure.com/acme/_apis/projects?api-version=4.1';
(async () => {
  const status = await new Promise((done) => require('https').get(url, { headers }, (answer) => done(answer.resume().statusCode)));
  console.log('https', status);
  console.log('fetch', (await (await fetch(url, { headers })).json()).count);
  const other = await fetch('https://example.com/').catch((error) => error.cause.message);
  console.log('elsewhere', other);
  console.log('here', (await fetch(process.env.VSTS_MOCK_HTTP + '/_mock/health')).status);
})();
END
"#,
    );
    let bases: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("python ")).collect();
    assert_eq!(
        bases,
        ["https://dev.azure.com/acme", "https://dev.azure.com/acme", "https://acme.visualstudio.com"]
    );
    assert_eq!(line(&said, "remoteUrl"), "https://acme@dev.azure.com/acme/iris/_git/extra");
    assert_eq!(line(&said, "webUrl"), "https://dev.azure.com/acme/iris/_git/extra");
    assert_eq!(line(&said, "sshUrl"), "git@ssh.dev.azure.com:v3/acme/iris/extra");
    assert!(line(&said, "refused").contains("403"), "{said}");
    assert!(line(&said, "elsewhere").contains("refuses example.com:443"), "{said}");
    for (name, value) in [("loopback", "200"), ("https", "200"), ("fetch", "1"), ("here", "200")] {
        assert_eq!(line(&said, name), value, "{said}");
    }
}

#[test]
fn options_that_the_user_has_set_stay() {
    let dir = TempDir::new().expect("a folder");
    std::fs::write(dir.path().join("seed.toml"), SEED).expect("a seed");
    let script = r#"echo "$NODE_OPTIONS"; echo "$JAVA_TOOL_OPTIONS"; echo "$GIT_SSH_COMMAND"; echo "$VSTS_MOCK_INTERCEPT""#;
    let output =
        command(dir.path(), &["exec", "--intercept", "--config", "seed.toml", "--", "sh", "-c", script])
            .env("NODE_OPTIONS", "--no-warnings")
            .env("JAVA_TOOL_OPTIONS", "-Xmx64m")
            .env("GIT_SSH_COMMAND", "ssh -v")
            .output()
            .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    for (line, start) in
        lines.iter().zip(["--no-warnings --require=", "-Xmx64m -D", "ssh -v -F ", "http://127.0.0.1:"])
    {
        assert!(line.starts_with(start), "{line}");
    }
    assert_eq!(lines.len(), 4);
    let left = std::fs::read_dir(dir.path()).expect("the folder of temporary files").flatten();
    let left: Vec<_> =
        left.filter(|entry| entry.file_name().to_string_lossy().contains("intercept")).collect();
    assert!(left.is_empty(), "the files go with the command: {left:?}");
}

/// Sends a request to the proxy of a served state.
fn ask(served: &Served, head: &str) -> Answer {
    let proxy = served.ready["intercept"].as_str().expect("there is a proxy");
    http::send(proxy, head, b"").expect("it answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_refuses_what_is_not_the_service_and_the_journal_has_it() {
    let dir = TempDir::new().expect("a folder");
    let served = Served::start(dir.path(), &["--intercept", "127.0.0.1:0"]);
    for target in ["example.com:443", "dev.azure.com:22", "169.254.169.254:443", "127.0.0.1:443", "[::1]:443"]
    {
        let answer = ask(&served, &format!("CONNECT {target} HTTP/1.1\nHost: {target}\n\n"));
        assert_eq!(answer.status, 403, "{target}");
        assert!(answer.text().contains(target), "{}", answer.text());
    }
    let answer = ask(&served, "GET http://dev.azure.com/acme?x=1 HTTP/1.1\nHost: dev.azure.com\n\n");
    assert_eq!((answer.status, answer.header("location")), (307, Some("https://dev.azure.com/acme?x=1")));
    let answer = ask(&served, "GET http://example.com/?token=secret HTTP/1.1\n\n");
    assert_eq!(answer.status, 403);
    let journal = served.ask("GET", "/_mock/journal?unknown=true", "").await;
    let journal: Value = serde_json::from_slice(&journal.body).expect("JSON");
    let paths: Vec<&str> = journal["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["path"].as_str())
        .collect();
    assert_eq!(paths.len(), 6, "{journal}");
    assert_eq!((paths[0], paths[5]), ("example.com:443", "http://example.com/"));
}

#[test]
fn an_address_of_others_needs_the_seeds_leave() {
    let dir = TempDir::new().expect("a folder");
    let output =
        command(dir.path(), &["serve", "--http", "127.0.0.1:0", "--intercept", "0.0.0.0:0"]).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("allow_remote"), "{said}");
}

/// Languages that take long to install.
mod heavy {
    use super::*;

    const GO: &str = r#"package main

import (
	"fmt"
	"net/http"
)

func main() {
	request, _ := http.NewRequest("GET", "https://dev.azure.com/acme/_apis/projects?api-version=4.1", nil)
	request.SetBasicAuth("", "alicepat")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	fmt.Println("go", answer.StatusCode)
}
"#;
    const JAVA: &str = r#"
import java.net.*;
import java.util.Base64;

public class Client {
    public static void main(String[] arguments) throws Exception {
        URL url = new URL("https://dev.azure.com/acme/_apis/projects?api-version=4.1");
        HttpURLConnection connection = (HttpURLConnection) url.openConnection();
        connection.setRequestProperty("Authorization", "Basic " + Base64.getEncoder().encodeToString(":alicepat".getBytes()));
        System.out.println("java " + connection.getResponseCode());
    }
}
"#;

    #[test]
    fn go_and_java_find_the_server_too() {
        let dir = TempDir::new().expect("a folder");
        std::fs::write(dir.path().join("client.go"), GO).expect("a file is written");
        std::fs::write(dir.path().join("Client.java"), JAVA).expect("a file is written");
        let said = exec(dir.path(), &[], "go run client.go\njava Client.java\n");
        assert_eq!((line(&said, "go"), line(&said, "java")), ("200", "200"));
    }
}
