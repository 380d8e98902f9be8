//! Signing in to the Experimentation service, and projects that are found by their names.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox, Server, http};

/// alice owns the account and the workspace; bob is a member of both; carol of the workspace alone, and dave of the
/// repository alone.
pub(crate) const SEED: &str = r#"
[[users]]
name = "alice"
email = "alice@example.com"
password = "alice-password"
tokens = [{ name = "ci", value = "alice-secret-token" }]
[[users]]
name = "bob"
password = "bob-password"
tokens = [{ name = "ci", value = "bob-secret-token" }]
[[users]]
name = "carol"
tokens = [{ name = "ci", value = "carol-secret-token" }]
[[users]]
name = "dave"
tokens = [{ name = "ci", value = "dave-secret-token" }]

[[accounts]]
name = "acme"
owner = "alice"
[[accounts.projects]]
name = "iris"
contributors = ["bob"]
readers = ["dave"]
[[accounts.projects.repos]]
name = "extra"

[[experimentation]]
account = "acmeml"
workspace = "research"
owners = ["alice"]
contributors = ["bob", "carol"]
"#;

/// Signs in with the person's token of the seed.
#[track_caller]
pub(crate) fn login(actor: &Actor<'_>, server: &Server) {
    let token = format!("{}-secret-token\n", actor.name());
    let output =
        actor.azml_given(actor.home(), &["login", "--service", server.http(), "--with-token"], &token).ok();
    assert!(!format!("{output}").contains(token.trim()), "the token is shown: {output}");
}

/// alice's project `demo`, registered and linked to acme's iris, with one run.
fn demo(sandbox: &Sandbox, server: &Server) -> std::path::PathBuf {
    let alice = sandbox.stranger("alice");
    login(&alice, server);
    let dir = sandbox.dir("alices");
    let url = server.repo("iris");
    let _made = alice
        .azml(&dir, &["project", "create", "-n", "demo", "-a", "acmeml", "-w", "research", "-r", &url])
        .ok();
    let project = dir.join("demo");
    write(&project, "train.py", "print('trained')\n");
    let _run = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    project
}

fn names(actor: &Actor<'_>, dir: &Path) -> Vec<String> {
    let list = actor.azml_json(dir, &["project", "list"]);
    let list = list.as_array().expect("a list");
    list.iter().map(|project| project["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_token_signs_in_and_is_in_one_file_alone() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let alice = sandbox.stranger("alice");
    let home = alice.home().to_owned();
    let _no = alice.azml(&home, &["account", "show"]).exits(4).says("hint: azml login --service URL");
    let wrong = alice
        .azml_given(&home, &["login", "--service", server.http(), "--with-token"], "no-token\n")
        .exits(4);
    assert!(
        wrong.stderr.contains("does not accept this token") && !wrong.stderr.contains("no-token"),
        "{wrong}"
    );
    let _empty =
        alice.azml_given(&home, &["login", "--service", server.http(), "--with-token"], "\n").exits(2);
    for url in ["ftp://h", "http://alice:pw@h", "http://"] {
        let refused = alice.azml(&home, &["login", "--service", url, "--token", "t"]).exits(2);
        assert!(!refused.stderr.contains("alice:pw"), "{refused}");
    }
    assert!(!home.join(".config/azml").exists(), "nothing is kept of a login that failed");

    login(&alice, &server);
    let file = home.join(".config/azml/tokens.json");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).expect("the login's file"));
    assert_eq!(mode & 0o777, 0o600);
    let shown = alice.azml(&home, &["account", "show", "--debug"]).ok();
    assert_eq!(shown.json()["user"], "alice");
    assert_eq!(alice.azml_json(&home, &["account", "list"])[0]["workspaces"][0], "research");
    let project = demo_of(&alice, &sandbox, &server);
    let found = alice.sh(sandbox.path(), "grep -rl alice-secret-token . || true").ok();
    let found: Vec<&str> = found.text().lines().filter(|file| !file.contains("tmp/stdin")).collect();
    assert_eq!(found, ["./home-alice/.config/azml/tokens.json", "./seed.toml"], "in {}", project.display());
    assert!(!shown.stderr.contains("alice-secret-token"), "{shown}");
    assert!(!server.log().contains("alice-secret-token"));

    let _out = alice.azml(&home, &["logout"]).ok();
    let _no = alice.azml(&home, &["project", "list"]).exits(4).says("hint: azml login --service URL");
    let _again = alice.azml(&home, &["logout"]).ok();
    let url = server.repo("iris");
    let _theirs = sandbox.actor("alice", "alice-secret-token").git(&home, &["ls-remote", &url]).ok();
}

fn demo_of(actor: &Actor<'_>, sandbox: &Sandbox, server: &Server) -> std::path::PathBuf {
    let dir = sandbox.dir("theirs");
    let project = actor.create_linked_project(&dir, "demo", &server.repo("iris"));
    write(&project, "train.py", "print('trained')\n");
    let _run = actor.submit(&project, &["train.py"]);
    project
}

#[test]
fn a_code_signs_in_once_it_is_confirmed_on_the_page() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let alice = sandbox.stranger("alice");
    let home = alice.home().to_owned();
    let sign_in = |action: &str, login: &str, password: &str| {
        let mut child = alice.spawn_azml(&home, &["login", "--service", server.http(), "--device-code"]);
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("a line");
        assert!(line.contains(&format!("{}/devicelogin", server.http())), "{line}");
        let code = line.split_whitespace().last().expect("the code is the last word").to_owned();
        let (status, page) = http::form(server.http(), "/devicelogin", &[("user_code", &code)]);
        assert!(status == 200 && page.contains("127.0.0.1"), "{status} {page}");
        let fields =
            [("user_code", code.as_str()), ("action", action), ("login", login), ("password", password)];
        let (status, page) = http::form(server.http(), "/devicelogin", &fields);
        assert_eq!(status, 200, "{page}");
        let mut said = String::new();
        stderr.read_to_string(&mut said).expect("the rest");
        (child.wait().expect("it ends").code(), said)
    };
    let (code, said) = sign_in("deny", "", "");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("refused") && said.contains("hint: "), "{said}");
    let (code, said) = sign_in("allow", "alice", "alice-password");
    assert_eq!(code, Some(0), "{said}");

    let shown = alice.azml_json(&home, &["account", "show"]);
    assert_eq!((shown["user"].as_str(), shown["login"].as_str()), (Some("alice"), Some("session")));
    // The session is good for azml's own Git traffic, too.
    let project = demo_of(&alice, &sandbox, &server);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let kept = std::fs::read_to_string(home.join(".config/azml/tokens.json")).expect("the login's file");
    let kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
    let token = kept["tokens"][server.http()]["token"].as_str().expect("the session's token").to_owned();
    let thief = sandbox.actor("thief", &token);
    let _works = thief.git(&home, &["ls-remote", &server.repo("iris")]).ok();
    let _out = alice.azml(&home, &["logout"]).ok();
    let _over = thief.git(&home, &["ls-remote", &server.repo("iris")]).fails();
    assert!(!server.log().contains(&token) && !server.log().contains("alice-password"));
}

#[test]
fn a_member_finds_the_project_by_name_on_another_computer() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let project = demo(&sandbox, &server);
    let id = e2e::git::project_id(&project);
    let bob = sandbox.stranger("bob");
    login(&bob, &server);
    let dir = sandbox.dir("bobs");
    let list = bob.azml_json(&dir, &["project", "list"]);
    assert_eq!((&list[0]["id"], &list[0]["workspace"]), (&id.clone().into(), &"research".into()));
    assert_eq!(list[0]["repository"], server.repo("iris"));
    assert!(
        list[0]["scope"]
            .as_str()
            .is_some_and(|scope| scope.ends_with("/accounts/acmeml/workspaces/research/projects/demo"))
    );
    let _cloned = bob.azml(&dir, &["project", "clone", "demo"]).ok();
    let his = dir.join("demo");
    assert_eq!(e2e::git::project_id(&his), id);
    assert_eq!(std::fs::read_to_string(his.join("train.py")).expect("a file"), "print('trained')\n");
    assert_eq!(bob.run_ids(&his), sandbox.stranger("alice").run_ids(&project));
    let _run = bob.submit(&his, &["train.py"]);
    let _synced = bob.azml(&his, &["history", "sync"]).ok();

    let unknown = bob.azml(&dir, &["project", "clone", "demmo"]).exits(3);
    assert!(unknown.stderr.contains("did you mean demo?"), "{unknown}");
    let _elsewhere = bob.azml(&dir, &["project", "clone", "demo", "x", "-w", "other"]).exits(3);
}

#[test]
fn the_workspace_and_the_repository_open_separately() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let _project = demo(&sandbox, &server);
    let carol = sandbox.stranger("carol");
    login(&carol, &server);
    let dir = sandbox.dir("carols");
    assert_eq!(names(&carol, &dir), ["demo"], "a member sees the project");
    let denied = carol.azml(&dir, &["project", "clone", "demo"]).exits(4);
    for words in ["you are a member of acmeml/research", "TF401019", "hint: ask its owner for access"] {
        assert!(denied.stderr.contains(words), "{words}: {denied}");
    }
    assert!(!dir.join("demo").exists());

    let dave = sandbox.stranger("dave");
    login(&dave, &server);
    let dir = sandbox.dir("daves");
    assert_eq!(names(&dave, &dir), [""; 0], "a reader is no member");
    let _unknown = dave.azml(&dir, &["project", "clone", "demo"]).exits(3);
    let _cloned = dave.azml(&dir, &["project", "clone", &server.repo("iris"), "demo"]).ok();
    assert!(dir.join("demo/train.py").exists());
}

#[test]
fn the_registry_has_what_was_made_and_loses_no_more_than_it_is_told() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let project = demo(&sandbox, &server);
    let alice = sandbox.stranger("alice");
    let dir = sandbox.dir("more");
    let place = ["-a", "acmeml", "-w", "research"];
    let create = |name: &str, more: &[&str]| {
        alice.azml(&dir, &[&["project", "create", "-n", name], &place[..], more].concat())
    };
    let twice = create("demo", &[]).exits(1);
    assert!(twice.stderr.contains("has a project `demo` already") && !dir.join("demo").exists(), "{twice}");
    let _nowhere =
        alice.azml(&dir, &["project", "create", "-n", "x1", "-a", "acmeml", "-w", "nope"]).exits(3);
    // The repository is not empty: nothing comes about, neither here nor there.
    let _taken = create("late", &["-r", &server.repo("iris")]).exits(1);
    assert_eq!(names(&alice, &dir), ["demo"]);
    assert!(!dir.join("late").exists());
    // Linked later, the registry hears of it.
    let _made = create("late", &[]).ok();
    let without = alice.azml(&sandbox.dir("else"), &["project", "clone", "late"]).exits(3);
    assert!(without.stderr.contains("has no Git repository"), "{without}");
    let _linked = alice.azml(&dir.join("late"), &["project", "update", "-r", &server.repo("extra")]).ok();
    let list = alice.azml_json(&dir, &["project", "list", "--query", "[?name=='late'].repository | [0]"]);
    assert_eq!(list, server.repo("extra"));

    let deleted = alice.azml(&project, &["project", "delete"]).ok();
    for words in ["Left as it is: the folder", "AzureMLHistory/", &server.repo("iris")] {
        assert!(deleted.stderr.contains(words), "{words}: {deleted}");
    }
    assert_eq!(names(&alice, &dir), ["late"]);
    assert_eq!(alice.run_ids(&project).len(), 1, "the history stays");
    let _gone = alice.azml(&project, &["project", "delete"]).exits(3);
    let _deleted = alice.azml(&dir, &["project", "delete", "-n", "late", "-w", "research"]).ok();
    assert!(dir.join("late/train.py").exists());
    // Without a service all goes on.
    let nobody = sandbox.stranger("nobody");
    let made =
        nobody.azml(&dir, &["project", "create", "-n", "alone", "-a", "acmeml", "-w", "research"]).ok();
    assert!(made.stderr.contains("not signed in") && made.json()["account"] == "acmeml", "{made}");
}

#[test]
fn a_login_that_is_over_is_told_as_that() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let project = demo(&sandbox, &server);
    let alice = sandbox.stranger("alice");
    // The server forgets the token: revoked.
    let admin = format!("Bearer {}", server.ready()["admin_token"].as_str().expect("the admin token"));
    let (status, _) =
        http::send(server.http(), "DELETE", "/_mock/users/alice/tokens/ci", &[("Authorization", &admin)], "");
    assert_eq!(status, 204);
    let revoked = alice.azml(&project, &["project", "list"]).exits(4);
    assert!(
        revoked.stderr.contains("does not accept the login")
            && revoked.stderr.contains("hint: sign in again: azml login"),
        "{revoked}"
    );
    write(&project, "train.py", "print('again')\n");
    let _run = alice.submit(&project, &["train.py"]);
    let sync = alice.azml(&project, &["history", "sync"]).exits(4);
    assert!(sync.stderr.contains("hint: sign in: azml login"), "{sync}");
    // What is known to have ended is not tried.
    let file = alice.home().join(".config/azml/tokens.json");
    let kept = std::fs::read_to_string(&file).expect("the login's file");
    let ended =
        kept.replace("\"user\": \"alice\"", "\"user\": \"alice\", \"expires\": \"2026-01-02T00:00:00Z\"");
    assert_ne!(ended, kept);
    std::fs::write(&file, ended).expect("written");
    for args in [["project", "list"], ["account", "show"]] {
        let over = alice.azml(&project, &args).exits(4);
        assert!(
            over.stderr.contains("expired on 2026-01-02") && over.stderr.contains("azml login"),
            "{over}"
        );
    }
    let over = alice.azml(&project, &["history", "sync"]).exits(4);
    assert!(over.stderr.contains("expired on 2026-01-02"), "{over}");
}
