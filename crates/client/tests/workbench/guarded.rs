//! Nobody is answered but the user's own browser, and nothing changes but by the pages' own forms.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::testbed::{Testbed, Ui, record};

fn testbed_with_a_run() -> (Testbed, String) {
    let testbed = Testbed::new();
    testbed.write("train.py", "print('hello')\n");
    let id = testbed.submit(&["train.py"]);
    testbed.write("train.py", "print('changed')\n");
    (testbed, id)
}

#[test]
fn the_key_gives_a_cookie_and_without_it_there_is_nothing() {
    let (testbed, id) = testbed_with_a_run();
    let ui = testbed.ui();
    let signed_in = ui.send("GET", &format!("/?key={}", ui.key), &[], "");
    let cookie = &signed_in.headers["set-cookie"];
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(cookie.starts_with(&format!("azml-ui-{}=", ui.port)), "{cookie}");
    assert_eq!(signed_in.headers["referrer-policy"], "no-referrer");
    assert!(signed_in.body.contains("0;url=/") && !signed_in.body.contains(&ui.key));
    let wrong = ui.send("GET", "/?key=0123456789012345678901234567890123456789", &[], "");
    assert_eq!(wrong.status, 403);
    assert!(!wrong.headers.contains_key("set-cookie"));
    for path in
        ["/", &format!("/runs/{id}"), &format!("/runs/{id}/download/driver_log.txt"), "/compare", "/nothing"]
    {
        let refused = ui.send("GET", path, &[("Cookie", "azml-ui-1=x")], "");
        assert_eq!(refused.status, 403, "{path}");
        assert!(!refused.body.contains("iris") || path.contains("iris"), "{path}: {}", refused.body);
    }
    let page = ui.page("/");
    assert!(!page.contains(&ui.key) && !page.contains(ui.cookie()), "no page holds what lets in");
}

#[test]
fn two_starts_have_two_keys() {
    let (testbed, _) = testbed_with_a_run();
    let (one, two) = (testbed.ui(), testbed.ui());
    assert_ne!(one.key, two.key);
    let cookie = one.cookie().replace(&one.port.to_string(), &two.port.to_string());
    assert_eq!(two.send("GET", "/", &[("Cookie", &cookie)], "").status, 403);
}

#[test]
fn another_site_changes_nothing() {
    let (testbed, id) = testbed_with_a_run();
    let ui = testbed.ui();
    let path = format!("/runs/{id}/restore");
    let page = ui.get(&path);
    let token = Ui::token_of(&page);
    let plan = page.body.split("name=\"plan\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let body = format!("form={token}&plan={plan}");
    let origin = ui.origin();
    let cookie = ui.cookie().to_owned();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let good = [("Cookie", cookie.as_str()), ("Origin", origin.as_str()), form];
    let refused = |headers: &[(&str, &str)], body: &str, why: &str| {
        let answer = ui.send("POST", &path, headers, body);
        assert_eq!(answer.status, 403, "{why}: {answer:?}");
        assert_eq!(testbed.read("train.py"), "print('changed')\n", "{why}");
    };
    let with = |extra| [&good[..], &[extra]].concat();
    refused(&[good[0], form, ("Origin", "http://evil.example")], &body, "another origin");
    refused(&[good[0], form, ("Origin", "null")], &body, "a hidden origin");
    refused(&[good[0], form], &body, "no origin at all");
    refused(&with(("Sec-Fetch-Site", "cross-site")), &body, "another site");
    refused(&with(("Sec-Fetch-Site", "same-site")), &body, "another port");
    refused(&with(("Host", "evil.example")), &body, "a name that leads here");
    let evil = format!("evil.example:{}", ui.port);
    refused(&with(("Host", &evil)), &body, "a name that leads here, with the port");
    refused(&[good[1], form], &body, "no cookie");
    refused(&good, &format!("plan={plan}"), "no token");
    refused(&good, &format!("form=x{token}&plan={plan}"), "another token");
    let host = format!("127.0.0.1:{}", ui.port);
    refused(
        &with(("Host", &host)).into_iter().chain([("Host", "evil.example")]).collect::<Vec<_>>(),
        &body,
        "two names",
    );
    let done = ui.send("POST", &path, &good, &body);
    assert_eq!(done.status, 303, "the same by its own form: {done:?}");
    assert_eq!(testbed.read("train.py"), "print('hello')\n");
}

#[test]
fn a_page_under_another_name_is_not_answered() {
    let (testbed, _) = testbed_with_a_run();
    let ui = testbed.ui();
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:80", ""] {
        let answer = ui.send("GET", "/", &[("Host", host), ("Cookie", ui.cookie())], "");
        assert!([400, 403].contains(&answer.status), "{host}: {answer:?}");
        assert!(!answer.body.contains("iris"));
    }
    let localhost = format!("localhost:{}", ui.port);
    assert_eq!(ui.send("GET", "/", &[("Host", &localhost), ("Cookie", ui.cookie())], "").status, 200);
}

#[test]
fn nothing_changes_by_get() {
    let (testbed, id) = testbed_with_a_run();
    let ui = testbed.ui();
    let refs = |testbed: &Testbed| {
        let refs = std::process::Command::new("git")
            .args(["--git-dir", ".azuremlhistory_git", "for-each-ref"])
            .current_dir(testbed.root())
            .output()
            .unwrap();
        String::from_utf8(refs.stdout).unwrap()
    };
    let before = refs(&testbed);
    for path in ["/sync", &format!("/runs/{id}/cancel"), &format!("/runs/{id}/fetch")] {
        assert_eq!(ui.get(path).status, 404, "{path}");
    }
    for path in ["/", &format!("/runs/{id}"), &format!("/runs/{id}/restore?plan=x&force=1"), "/undo?backup=1"]
    {
        assert!([200, 404].contains(&ui.get(path).status), "{path}");
    }
    assert_eq!(refs(&testbed), before);
    assert_eq!(testbed.read("train.py"), "print('changed')\n");
}

#[test]
fn requests_that_are_none_are_refused() {
    let (testbed, _) = testbed_with_a_run();
    let ui = testbed.ui();
    let cookie = ("Cookie", ui.cookie());
    assert_eq!(ui.send("DELETE", "/", &[cookie], "").status, 405);
    assert_eq!(ui.send("POST", "/sync", &[cookie, ("Content-Type", "text/plain")], "form=x").status, 415);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(ui.send("POST", "/sync", &[cookie, form], &"x".repeat(70_000)).status, 413);
    assert_eq!(ui.send("GET", "/runs/%ff", &[cookie], "").status, 404);
    for path in
        ["/runs/..%2f..%2fetc", "/runs/iris_1/files/..%2f..%2fetc/passwd", "/assets/../x", "//evil.example"]
    {
        assert!([400, 403, 404].contains(&ui.send("GET", path, &[cookie], "").status), "{path}");
    }
}

#[test]
fn every_page_says_what_it_may_load_and_holds_no_script_of_its_own() {
    let (testbed, id) = testbed_with_a_run();
    let (_, project) = testbed.history();
    testbed.put([record(&project, 1)]);
    let ui = testbed.ui();
    let run = format!("/runs/{id}");
    for path in [
        "/",
        &run,
        &format!("{run}/restore"),
        &format!("{run}/files"),
        &format!("{run}/files/train.py"),
        &format!("{run}/diff"),
        &format!("{run}/outputs/driver_log.txt"),
        &format!("/compare?run={id}"),
        "/undo",
        "/nothing",
    ] {
        let page = ui.get(path);
        let policy = &page.headers["content-security-policy"];
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(page.headers["cross-origin-resource-policy"], "same-origin", "{path}");
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
        assert!(["same-origin", "no-referrer"].contains(&page.headers["referrer-policy"].as_str()), "{path}");
        for inline in [" style=", " onclick", " onload", " onerror", "javascript:", "<style", "<script>"] {
            assert!(!page.body.contains(inline), "{path} has {inline}");
        }
        assert_eq!(page.body.matches("<script ").count(), 1, "{path}");
        assert!(!page.body.contains("http://") || page.body.contains("http://www.w3.org/2000/svg"), "{path}");
    }
}

#[test]
fn it_listens_on_this_computer_alone() {
    let (testbed, _) = testbed_with_a_run();
    let ui = testbed.ui();
    let port = format!(":{:04X}", ui.port);
    let mut seen = 0;
    for (file, loopback) in [("/proc/net/tcp", "0100007F"), ("/proc/net/tcp6", "no such address")] {
        for line in std::fs::read_to_string(file).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // State 0A: it listens.
            if fields[1].ends_with(&port) && fields[3] == "0A" {
                assert!(fields[1].starts_with(loopback), "{line}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 1);
}

#[test]
fn the_browser_is_given_a_file_and_no_key() {
    let (testbed, _) = testbed_with_a_run();
    let bin = testbed.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let told = testbed.path().join("told");
    let script = format!(
        "#!/bin/sh\nstat -c %a \"$1\" > {0}.new\ncat \"$1\" >> {0}.new\necho >> {0}.new\necho \"$@\" >> {0}.new\nmv {0}.new {0}\n",
        told.display()
    );
    let opener = bin.join("xdg-open");
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = testbed.command(&testbed.root(), &["ui", "-o", "json"]);
    command
        .env("DISPLAY", ":7")
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .stderr(Stdio::null());
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    while !output.contains('}') {
        assert_ne!(std::io::BufRead::read_line(&mut stdout, &mut output).unwrap(), 0);
    }
    let output: serde_json::Value = serde_json::from_str(&output).unwrap();
    let key = output["url"].as_str().unwrap().rsplit('=').next().unwrap().to_owned();
    let told = loop {
        if let Ok(told) = std::fs::read_to_string(&told) {
            break told;
        }
        assert!(child.try_wait().unwrap().is_none(), "azml has ended");
        std::thread::yield_now();
    };
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.first(), Some(&"600"), "only its owner may read it");
    assert!(lines[1].contains(&format!("?key={key}")), "{told}");
    let arguments = lines.last().unwrap();
    assert!(
        arguments.ends_with(&format!("workbench-{}.html", child.id())) && !arguments.contains(&key),
        "{arguments}"
    );
    let file = std::path::PathBuf::from(arguments);
    assert!(file.exists());
    // Ctrl-C: it ends well, and takes the file with it.
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn a_port_that_is_taken_is_told() {
    let (testbed, _) = testbed_with_a_run();
    let ui = testbed.ui();
    let port = ui.port.to_string();
    let second = testbed.command(&testbed.root(), &["ui", "--no-open", "--port", &port]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&second.stderr);
    assert!(stderr.contains(&format!("error: can't listen at port {port} of this computer")), "{stderr}");
    assert!(stderr.contains("hint: azml ui"), "{stderr}");
    assert!(std::path::Path::new(&format!("/proc/{}", ui.pid())).exists());
}
