//! The article's steps 2, 2b, 3 and Authentication in a browser, with the commands that the pages print: from signing in
//! to a run history that is looked at, a key that opens SSH, and a token that pushes. With scripts and without.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Browser, Sandbox, Scripts, Server, Weight, binaries, git, page_check};

/// A page that shows many lines of code weighs more.
const HEAVY: Weight = Weight { bytes: 60 * 1024, requests: 2 };

/// A person at the portal.
struct Visitor<'s> {
    browser: Browser,
    server: &'s Server,
}

impl Visitor<'_> {
    /// Checks the page that is shown, and leaves a picture of it.
    #[track_caller]
    fn sees(&self, name: &str) {
        self.sees_at_most(name, Weight::LIGHT);
    }

    #[track_caller]
    fn sees_at_most(&self, name: &str, weight: Weight) {
        let way = if self.browser.scripts() == Scripts::On { "portal" } else { "portal-noscript" };
        page_check::check_wide_and_narrow(&self.browser, &format!("{way}-{name}"), weight);
    }

    #[track_caller]
    fn sign_in(&self, name: &str, password: &str) {
        self.browser.open(self.server.http());
        assert_eq!(self.browser.text("h1"), "Sign in");
        self.browser.fill("User name or e-mail address", name);
        self.browser.fill("Password", password);
        self.browser.press_at("main button:not([name])");
    }

    /// Opens a page of security from the menu under the avatar.
    #[track_caller]
    fn security(&self, page: &str) {
        self.browser.press("Account menu of alice");
        self.browser.press("Security");
        self.browser.press(page);
        assert_eq!(self.browser.text("h1"), page);
    }
}

/// Puts the example project's files into a project.
fn add_iris(project: &Path) {
    for name in ["train.py", "iris.csv"] {
        let bytes = std::fs::read(binaries::workspace().join("examples/iris").join(name));
        write(project, name, bytes.expect("the example is there"));
    }
}

#[test]
fn the_article_in_a_browser() {
    the_article(Scripts::On);
}

#[test]
fn the_article_in_a_browser_without_scripts() {
    the_article(Scripts::Off);
}

fn the_article(scripts: Scripts) {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let visitor = Visitor { browser: Browser::start(&sandbox, scripts), server: &server };
    let alice = sandbox.actor("alice", "alicepat");
    let url = step_2_a_project_with_its_repository(&visitor);
    let project = step_3_a_project_is_linked(&visitor, &alice, &sandbox.dir("work"), &url);
    the_history_is_looked_at(&visitor, &alice, &project);
    step_2b_another_repository(&visitor);
    authentication_by_key(&visitor, &sandbox, &alice);
    authentication_by_token(&visitor, &sandbox, &url);
    access_is_granted(&visitor, &sandbox, &url);
    visitor.browser.press("Account menu of alice");
    visitor.browser.press("Sign out");
    assert_eq!(visitor.browser.text("h1"), "Sign in");
    visitor.browser.open(&url);
    assert_eq!(visitor.browser.text("h1"), "Sign in", "who is out sees nothing");
}

fn step_2_a_project_with_its_repository(visitor: &Visitor<'_>) -> String {
    let browser = &visitor.browser;
    visitor.sign_in("alice", "wrong");
    assert!(browser.text("[role=alert]").contains("wrong"), "{}", browser.text("body"));
    visitor.sees("sign-in");
    visitor.sign_in("alice@example.com", "alice-password");
    assert_eq!(browser.text("h1"), "Your projects");
    visitor.sees("home");
    // By the keyboard, too: the first stop leads over the bar at the top.
    browser.type_keys("\u{e004}");
    assert_eq!(browser.focused(), "Skip to the content");

    browser.press("New project in acme");
    visitor.sees("new-project");
    browser.fill("Project name", "a/b");
    browser.press("Create");
    assert!(browser.text("[role=alert]").contains("may not contain"), "{}", browser.text("body"));
    browser.fill("Project name", "flowers");
    browser.fill("Description", "Classifying <b>Iris</b> & friends");
    browser.press("Create");

    assert_eq!(browser.text("h1"), "flowers is empty");
    let url = browser.value("HTTPS or HTTP");
    assert_eq!(url, format!("{}/acme/_git/flowers", visitor.server.http()));
    assert_eq!(browser.address(), format!("{}/acme/flowers/_git/flowers", visitor.server.http()));
    visitor.sees("empty");
    if browser.scripts() == Scripts::On {
        browser.press_at("[data-copy=url]");
        browser.wait_for_text("[data-copy=url]", "Copied");
    } else {
        assert!(browser.has("[data-copy=url][hidden]"), "a button that can do nothing is not shown");
    }
    url
}

fn step_3_a_project_is_linked(
    visitor: &Visitor<'_>,
    alice: &Actor<'_>,
    work: &Path,
    url: &str,
) -> std::path::PathBuf {
    let project = alice.create_project(work, "myIris");
    add_iris(&project);
    // The command that the page prints, as it is.
    let command = visitor.browser.value("In the folder of a project");
    assert_eq!(command, format!("az ml project update -r {url}"));
    let _linked = alice.sh(&project, &command).ok();
    project
}

fn the_history_is_looked_at(visitor: &Visitor<'_>, alice: &Actor<'_>, project: &Path) {
    let browser = &visitor.browser;
    let first = alice.submit(project, &["train.py", "0.01"]);
    let train = std::fs::read_to_string(project.join("train.py")).expect("the script");
    write(project, "train.py", train.replacen("import", "# Less of it.\nimport", 1));
    write(project, "README.md", "# Flowers\n\nSee [the script](train.py). <script>alert(1)</script>\n");
    let second = alice.submit(project, &["train.py", "0.001"]);
    let _synced = alice.azml(project, &["history", "sync"]).ok();

    // "You can view the branches and commits by browsing to the VSTS Git repo URL."
    browser.reload();
    visitor.sees("files");
    browser.press("Branches");
    let branch = git::history_branch(project);
    assert!(browser.text("main").contains(&branch), "{}", browser.text("main"));
    visitor.sees("branches");
    browser.press(&branch);
    assert_eq!(browser.text("h1"), "Run history");
    let rows = browser.texts(".snapshots tbody tr");
    assert_eq!(rows.len(), 3, "two runs, and the project's beginning: {rows:?}");
    assert!(rows[0].contains(&second) && rows[1].contains(&first), "newest first: {rows:?}");
    assert!(rows[0].contains("README.md") && rows[0].contains("train.py"), "what changed: {rows:?}");
    visitor.sees("run-history");
    // For README: no larger than what is on it.
    browser.resize(1100, 520);
    browser.save_screenshot("readme-portal-run-history");
    browser.resize(1280, 860);

    browser.press(&second);
    assert!(browser.text(".facts").contains(&second), "{}", browser.text(".facts"));
    assert_eq!(browser.texts(".stats tbody tr").len(), 2);
    assert!(browser.texts(".lines .a").iter().any(|line| line.contains("# Less of it.")));
    visitor.sees("commit");
    browser.press("Side by side");
    assert!(browser.has(".lines.two"));
    visitor.sees("commit-side-by-side");
    browser.press("Browse files");
    assert_eq!(browser.text(".readme h2"), "Flowers");
    assert!(!browser.has(".readme script"));
    visitor.sees("snapshot-files");
    browser.press("the script");
    assert!(browser.text(".code").contains("# Less of it."));
    visitor.sees_at_most("file", HEAVY);
    browser.press("History");
    assert_eq!(browser.texts(".commits tbody tr").len(), 3, "made, replaced, and changed");
}

fn step_2b_another_repository(visitor: &Visitor<'_>) {
    let browser = &visitor.browser;
    browser.open(&format!("{}/acme/flowers", visitor.server.http()));
    visitor.sees("project");
    browser.press("New repository");
    browser.fill("Repository name", "tools");
    browser.tick("Add a README to describe your repository");
    browser.choose("Add a .gitignore", "Python");
    visitor.sees("new-repository");
    browser.press("Create");
    assert_eq!(browser.texts(".files tbody th"), [".gitignore", "README.md"]);
    assert_eq!(browser.text(".readme h2"), "tools");
    browser.press("Commits");
    assert_eq!(browser.texts(".commits tbody tr").len(), 1);
    visitor.sees("commits");
}

fn authentication_by_key(visitor: &Visitor<'_>, sandbox: &Sandbox, alice: &Actor<'_>) {
    let browser = &visitor.browser;
    let dir = sandbox.dir("keys");
    let _made = alice.sh(&dir, "ssh-keygen -q -t ed25519 -N '' -C laptop -f id").ok();
    let listed = alice.sh(&dir, "ssh-keygen -l -f id.pub").ok();
    let fingerprint = listed.text().split(' ').nth(1).expect("a fingerprint").to_owned();
    let public = std::fs::read_to_string(dir.join("id.pub")).expect("a public key");
    let private = std::fs::read_to_string(dir.join("id")).expect("a private key");

    visitor.security("SSH public keys");
    browser.fill("Description", "laptop");
    browser.fill("Key data", &private);
    browser.press("Save");
    assert!(browser.text("[role=alert]").contains("private key"), "{}", browser.text("main"));
    assert!(!browser.value("Key data").contains("PRIVATE"), "a private key does not come back");
    browser.fill("Description", "laptop");
    browser.fill("Key data", &public);
    browser.press("Save");
    assert!(browser.text("tbody").contains(&fingerprint), "{}", browser.text("tbody"));
    assert!(browser.text("tbody").contains("not since the start"), "{}", browser.text("tbody"));

    let known_hosts = format!("{}\n", visitor.server.known_hosts());
    std::fs::write(dir.join("known_hosts"), known_hosts).expect("a file is written");
    let ssh = format!(
        "ssh -F none -i {0}/id -o IdentitiesOnly=yes -o UserKnownHostsFile={0}/known_hosts -o BatchMode=yes",
        dir.display()
    );
    let by_key = sandbox.stranger("alice").with_env("GIT_SSH_COMMAND", ssh);
    browser.open(&format!("{}/acme/flowers/_git/tools", visitor.server.http()));
    browser.press("Clone");
    let url = browser.value("SSH");
    let _cloned = by_key.git(&dir, &["clone", "-q", &url, "by-ssh"]).ok();
    assert!(dir.join("by-ssh/README.md").exists());

    visitor.security("SSH public keys");
    assert!(browser.text("tbody").contains("just now"), "{}", browser.text("tbody"));
    visitor.sees("keys");
    browser.press("Remove laptop");
    assert!(!browser.has("tbody"), "{}", browser.text("main"));
    // A key that was removed opens nothing.
    let _refused = by_key.git(&dir.join("by-ssh"), &["fetch"]).fails();
}

fn authentication_by_token(visitor: &Visitor<'_>, sandbox: &Sandbox, url: &str) {
    let browser = &visitor.browser;
    visitor.security("Personal access tokens");
    browser.fill("Description", "for pushing");
    browser.choose("Expires in", "30 days");
    browser.tick("Selected scopes");
    browser.tick("Code (read and write)");
    browser.press("Create token");
    let token = browser.value("Copy it now: it is not shown again");
    visitor.sees("token-made");
    let laptop = sandbox.actor_at("laptop", "alice", &token);
    let dir = sandbox.dir("laptop");
    let _cloned = laptop.git(&dir, &["clone", "-q", url, "clone"]).ok();
    let clone = dir.join("clone");
    write(&clone, "notes.md", "By a token.\n");
    let _pushed =
        laptop.sh(&clone, "git checkout -q -b notes && git add notes.md && git commit -q -m 'Notes'").ok();
    let _pushed = laptop.git(&clone, &["push", "-q", "-u", "origin", "notes"]).ok();

    browser.open(&format!("{}/acme/flowers/_git/flowers/compare", visitor.server.http()));
    browser.choose("From", "master");
    browser.choose("To", "notes");
    browser.press_at("form.compare button");
    assert!(browser.text("main").contains("By a token."), "{}", browser.text("main"));
    visitor.sees("compare");

    visitor.security("Personal access tokens");
    assert!(!browser.text("main").contains(&token), "a value is shown once");
    visitor.sees("tokens");
    browser.press("Revoke for pushing");
    assert!(!browser.text("main").contains("for pushing"));
    // A token that was revoked opens nothing.
    let _refused = laptop.git(&clone, &["fetch"]).fails();
}

fn access_is_granted(visitor: &Visitor<'_>, sandbox: &Sandbox, url: &str) {
    // "You need to explicitly grant him/her proper access to the VSTS Git repo."
    let browser = &visitor.browser;
    browser.open(&format!("{}/acme/flowers/_git/flowers/settings", visitor.server.http()));
    visitor.sees("settings");
    browser.press("Permissions");
    browser.press("[flowers]\\Contributors");
    browser.choose("Force push (rewrite history, delete branches and tags)", "Deny");
    visitor.sees("permissions");
    browser.press("Save changes");
    assert!(browser.text(".grid").contains("Deny"), "{}", browser.text(".grid"));
    assert!(browser.text(".grid").contains("the project flowers"), "{}", browser.text(".grid"));
    let bob = sandbox.actor("bob", "bobpat");
    let dir = sandbox.dir("bob");
    let _refused = bob.git(&dir, &["ls-remote", url]).fails();
    browser.fill("Add a user", "bob");
    browser.press("Add");
    browser.choose("Read", "Allow");
    browser.press("Save changes");
    let _listed = bob.git(&dir, &["ls-remote", url]).ok();
    browser.choose("Read", "Deny");
    browser.press("Save changes");
    let _refused = bob.git(&dir, &["ls-remote", url]).fails();
}
