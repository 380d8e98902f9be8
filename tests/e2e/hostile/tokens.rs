//! S6: a token goes to the origin that it is for, and never over plain HTTP to another computer.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use e2e::folder::write;
use e2e::recording::{Host, basic, proxy};
use e2e::{Actor, Output, Sandbox, git};

const TOKEN: &str = "azml:s3cret";

/// Returns whether any command so far has sent the secret in some way.
#[track_caller]
fn was_sent(host: &Host) -> bool {
    host.sent().iter().any(|value| *value == basic(TOKEN) || value.contains("s3cret"))
}

#[track_caller]
fn assert_told(output: &Output, why: &str) {
    assert!(output.stderr.contains(why) && output.stderr.contains("hint: "), "{why}: {output}");
    assert!(!output.stdout.contains("s3cret") && !output.stderr.contains("s3cret"), "{output}");
}

#[test]
fn a_token_is_sent_to_whom_it_is_for_and_to_nobody_else() {
    let sandbox = Sandbox::new();
    let dir = sandbox.dir("work");
    let host = Host::start(&[]);
    let own = format!("http://{}", host.address);
    // Every name that is not this computer's is reached through it, and so is recorded.
    let (through, _) = proxy(&host.address, false);
    let alice = sandbox.stranger("alice").with_env("http_proxy", format!("http://{through}"));
    let far = "http://stranger.example";
    let service = "http://acct.visualstudio.com";
    // By variable or typed; what AZML_VSTS_URL says; which URL; whether it is sent; what is said if not.
    for (source, bound, url, is_sent, told) in [
        ("variable", None, own.as_str(), false, "AZML_VSTS_TOKEN is not sent to http://127.0.0.1:"),
        ("variable", Some(own.as_str()), own.as_str(), true, ""),
        ("variable", Some("https://dev.azure.com"), own.as_str(), false, "it is for https://dev.azure.com"),
        ("variable", None, far, false, "AZML_VSTS_TOKEN is not sent to http://stranger.example"),
        ("variable", Some(far), far, false, "not encrypted"),
        ("variable", Some(own.as_str()), far, false, "it is for http://127.0.0.1:"),
        ("variable", None, service, false, "AZML_VSTS_TOKEN is not sent to http://acct.visualstudio.com"),
        ("typed", None, own.as_str(), true, ""),
        ("typed", Some("https://dev.azure.com"), own.as_str(), true, ""),
        ("typed", None, far, false, "not encrypted"),
    ] {
        let what = format!("{source} {bound:?} {url}");
        let url = format!("{url}/x/_git/y");
        let mut who = alice.clone();
        let mut args = vec!["project", "clone", &url, "copy"];
        match source {
            "variable" => who = who.with_env("AZML_VSTS_TOKEN", "s3cret"),
            _ => args.extend(["--vststoken", "s3cret"]),
        }
        if let Some(bound) = bound {
            who = who.with_env("AZML_VSTS_URL", bound);
        }
        let output = who.azml(&dir, &args).exits(4);
        assert_eq!(was_sent(&host), is_sent, "{what}: {output}");
        assert_told(&output, told);
    }
    let bad = alice.clone().with_env("AZML_VSTS_TOKEN", "s3cret").with_env("AZML_VSTS_URL", "ftp://host");
    let _usage = bad.azml(&dir, &["project", "clone", &format!("{own}/x"), "copy"]).exits(2);
    assert!(!was_sent(&host));
}

#[test]
fn a_folder_names_its_remote_and_gets_no_token_for_it() {
    let sandbox = Sandbox::new();
    let host = Host::start(&[]);
    let alice = sandbox.stranger("alice").with_env("AZML_VSTS_TOKEN", "s3cret");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", "print('trained')\n");
    let url = format!("http://{}/x/_git/y", host.address);
    let set = |url: &str| {
        let config = git::history_of(&project).join("config");
        alice.git(&project, &["config", "--file", &config.to_string_lossy(), "remote.origin.url", url]).ok()
    };
    let _set = set(&url);
    let submit = ["experiment", "submit", "-c", "local", "train.py"];
    for args in [&["history", "sync"][..], &submit, &["history", "sync", "--vststoken", "s3cret"]] {
        let output = alice.azml(&project, args);
        assert!(!was_sent(&host), "{args:?}: {output}");
        assert_told(&output, "is not sent to http://127.0.0.1:");
    }
    // The hint leads on.
    let bound = alice.clone().with_env("AZML_VSTS_URL", &url);
    let _refused = bound.azml(&project, &["history", "sync"]).exits(4);
    assert!(was_sent(&host));

    // A folder of somebody else's gets nothing at all, whoever it is bound to, until Git is told that it is safe.
    if alice.sh(&project, "id -u").ok().text() != "0" {
        return println!("only root can give a folder away; this was run by somebody else");
    }
    write(alice.home(), ".netrc", "machine 127.0.0.1 login me password s3cret\n");
    let helper = "[credential]\n helper = \"!printf 'username=me\\npassword=s3cret\\n';:\"\n[http]\n extraHeader = X-More: 1\n extraHeader = Authorization: s3cret\n";
    let identity = std::fs::read_to_string(alice.home().join(".gitconfig")).expect("the sandbox's");
    write(alice.home(), ".gitconfig", format!("{identity}{helper}"));
    for path in [".", ".azuremlhistory_git", ".azuremlhistory_git/config"] {
        let _given = alice.sh(&project, &format!("chown 65534 {path}")).ok();
        let output = bound.azml(&project, &["history", "sync"]).exits(4);
        assert!(!was_sent(&host), "{path}: {output}");
        assert_told(&output, "belongs to another user");
        assert!(output.stderr.contains("safe.directory"), "{output}");
        let _back = alice.sh(&project, &format!("chown 0 {path}")).ok();
    }
    let _given = alice.sh(&project, "chown 65534 .").ok();
    let safe = format!("[safe]\n directory = {}\n", project.canonicalize().expect("it is there").display());
    write(alice.home(), ".gitconfig", format!("{identity}{safe}"));
    let _refused = bound.azml(&project, &["history", "sync"]).exits(4);
    assert!(was_sent(&host));
}

#[test]
fn a_login_goes_to_its_own_origin_and_never_in_the_clear() {
    let sandbox = Sandbox::new();
    let host = Host::start(&[]);
    let (through, _) = proxy(&host.address, false);
    let alice = sandbox
        .stranger("alice")
        .with_env("http_proxy", format!("http://{through}"))
        .with_env("AZML_KEYRING", "off");
    let dir = sandbox.dir("work");
    for args in [
        &["login", "--service", "http://stranger.example", "--token", "s3cret"][..],
        &["login", "--service", "http://stranger.example", "--device-code"],
    ] {
        let output = alice.azml(&dir, args).exits(4);
        assert!(!was_sent(&host), "{output}");
        assert_told(&output, "not encrypted");
    }
    // One that an earlier version kept.
    let file = ".config/azml/tokens.json";
    let logins = r#"{"version":2,"tokens":{"http://stranger.example":{"user":"azml","token":"s3cret","service":"http://stranger.example"}}}"#;
    write(alice.home(), file, logins);
    let path = alice.home().join(file);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let output = alice.azml(&dir, &["project", "clone", "http://stranger.example/x", "copy"]).exits(4);
    assert!(!was_sent(&host), "{output}");
    assert_told(&output, "the login is not sent to http://stranger.example");
    let asked = "protocol=http\nhost=stranger.example\n\n";
    let output = alice.azml_given(&dir, &["credential", "get"], asked).ok();
    assert!(output.stdout.is_empty() && output.stderr.contains("not encrypted"), "{output}");
}

#[test]
fn a_file_of_logins_that_others_may_read_is_closed_and_told() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.stranger("alice").with_env("AZML_KEYRING", "off");
    let dir = sandbox.dir("work");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let _in = alice.azml(&dir, &["login", "--service", server.http(), "--token", "alicepat"]).ok();
    let (folder, file) = (alice.home().join(".config/azml"), alice.home().join(".config/azml/tokens.json"));
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    for wide in [0o640, 0o604, 0o666, 0o602] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(wide)).expect("it is ours");
        let show = |who: &Actor<'_>| who.azml(&dir, &["account", "show"]).ok();
        let told = show(&alice);
        assert!(told.stderr.contains("could be read by others") && told.stderr.contains("hint: "), "{told}");
        assert_eq!(mode(&file), 0o600, "{wide:o}");
        assert!(!show(&alice).stderr.contains("others"));
    }
}
