//! Logins as Git sees them: azml as its credential helper; and SSH keys from making to removing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use e2e::{Actor, Output, Sandbox, Server};

use crate::service::{SEED, login};

/// Stock git with azml as its only credential helper.
fn git(actor: &Actor<'_>, dir: &std::path::Path, args: &[&str], input: &str) -> Output {
    let helper = format!("credential.helper={} credential", actor.azml_path());
    let script = "exec git -c credential.helper= -c \"$HELPER\" \"$@\" < \"$INPUT\"";
    let file = dir.join("git-input");
    std::fs::write(&file, input).expect("input is written");
    let mut command = actor.command("sh", dir);
    command.env("HELPER", helper).env("INPUT", &file).args(["-c", script, "git"]).args(args);
    let output = command.output().expect("git starts");
    Output::new(format!("git {}", args.join(" ")), &output)
}

#[test]
fn plain_git_pushes_after_azml_login() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let bob = sandbox.stranger("bob");
    let dir = sandbox.dir("work");
    let _made = bob.sh(&dir, "git init -q . && git commit -q --allow-empty -m first").ok();
    let url = server.repo("iris");
    let refused = git(&bob, &dir, &["push", &url, "master"], "").fails();
    assert!(refused.stderr.contains("could not read Username"), "{refused}");
    login(&bob, &server);
    let _pushed = git(&bob, &dir, &["push", &url, "master"], "").ok();
    assert!(git(&bob, &dir, &["ls-remote", &url], "").ok().stdout.contains("refs/heads/master"));
    // As somebody else, the login is not offered.
    let other = url.replace("http://", "http://carol@");
    let refused = git(&bob, &dir, &["push", &other, "master"], "").fails();
    assert!(!refused.stderr.contains("bob-secret-token"), "{refused}");
}

#[test]
fn a_login_that_git_finds_refused_is_forgotten() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let bob = sandbox.stranger("bob");
    login(&bob, &server);
    let admin = format!("Bearer {}", server.ready()["admin_token"].as_str().expect("the admin token"));
    let revoke = "/_mock/users/bob/tokens/ci";
    assert_eq!(e2e::http::send(server.http(), "DELETE", revoke, &[("Authorization", &admin)], "").0, 204);
    let dir = sandbox.dir("work");
    let refused = git(&bob, &dir, &["ls-remote", &server.repo("iris")], "").fails();
    assert!(refused.stderr.contains("hint: azml login --service"), "{refused}");
    let _no = bob.azml(&dir, &["account", "show"]).exits(4);
}

#[test]
fn git_fills_approves_and_rejects_by_azml() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let alice = sandbox.stranger("alice");
    login(&alice, &server);
    let dir = sandbox.dir("work");
    let fill = |asked: &str| git(&alice, &dir, &["credential", "fill"], asked);
    let host = server.http().trim_start_matches("http://");
    let found = fill(&format!("protocol=http\nhost={host}\npath=acme/_git/iris\n\n")).ok();
    assert!(
        found.stdout.contains("username=alice\n") && found.stdout.contains("password=alice-secret-token\n"),
        "{found}"
    );
    // Exactly that origin: not another port, another scheme, another name of the same machine.
    let port = host.rsplit(':').next().expect("a port");
    for (protocol, host) in [
        ("https", host.to_owned()),
        ("http", "127.0.0.1:1".to_owned()),
        ("http", format!("localhost:{port}")),
    ] {
        let nothing = fill(&format!("protocol={protocol}\nhost={host}\n\n")).fails();
        assert!(!nothing.stdout.contains("password="), "{nothing}");
    }
    // What git was told by others is kept for it, and forgotten when it says so.
    let other = "protocol=https\nhost=git.example.com\nusername=me\n";
    let _kept = git(&alice, &dir, &["credential", "approve"], &format!("{other}password=pw-1\n\n")).ok();
    assert!(fill(&format!("{other}\n")).ok().stdout.contains("password=pw-1\n"));
    let _stays = git(&alice, &dir, &["credential", "reject"], &format!("{other}password=pw-2\n\n")).ok();
    assert!(
        fill(&format!("{other}\n")).ok().stdout.contains("password=pw-1\n"),
        "another password was refused"
    );
    let _gone = git(&alice, &dir, &["credential", "reject"], &format!("{other}password=pw-1\n\n")).ok();
    let _nothing = fill(&format!("{other}\n")).fails();
    // A login of the user's own is not overwritten by what git was told.
    let told = format!("protocol=http\nhost={host}\nusername=eve\npassword=evil\n\n");
    let _told = git(&alice, &dir, &["credential", "approve"], &told).ok();
    assert_eq!(alice.azml_json(&dir, &["account", "show"])["user"], "alice");
}

#[test]
fn the_helper_passes_over_what_it_does_not_know_and_refuses_forged_lines() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let alice = sandbox.stranger("alice");
    login(&alice, &server);
    let dir = alice.home().to_owned();
    let host = server.http().trim_start_matches("http://");
    let ask = |operation: &str, said: &str| alice.azml_given(&dir, &["credential", operation], said);
    let more = "capability[]=authtype\ncapability[]=state\nwwwauth[]=Basic realm=\"x\"\nstate[]=other:1\nnew_in_2030=1\n";
    let answer = ask("get", &format!("{more}protocol=http\nhost={host}\n\n")).ok();
    assert_eq!(answer.stdout, "username=alice\npassword=alice-secret-token\n");
    let by_url = ask("get", &format!("url={}\n", server.repo("iris"))).ok();
    assert_eq!(by_url.stdout, answer.stdout);
    for said in ["", "protocol=ssh\nhost=h\n\n", "protocol=http\n\n", "protocol=http\nhost=other\n\n"] {
        assert_eq!(ask("get", said).ok().stdout, "", "{said}");
    }
    for said in [format!("protocol=http\nhost={host}\rx\n\n"), "nonsense\n\n".to_owned()] {
        let refused = ask("get", &said).exits(1);
        assert_eq!(refused.stdout, "", "{refused}");
    }
    assert_eq!(ask("capability", "").ok().stdout, "", "an operation of a later Git is passed over");
}

#[test]
fn a_key_is_made_registered_used_and_removed() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let alice = sandbox.stranger("alice");
    let home = alice.home().to_owned();
    let made = alice.azml_json(&home, &["sshkey", "generate", "-C", "alice@laptop"]);
    let key = home.join(".ssh/id_ed25519");
    let mode = |path: &std::path::Path| {
        std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).expect("a file")) & 0o777
    };
    assert_eq!((mode(&key), mode(&home.join(".ssh"))), (0o600, 0o700));
    let before = std::fs::read(&key).expect("the key");
    let again = alice.azml(&home, &["sshkey", "generate"]).exits(1);
    assert!(again.stderr.contains("not overwritten"), "{again}");
    assert_eq!(std::fs::read(&key).expect("the key"), before);
    let fingerprint = made["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let listed = alice.sh(&home, "ssh-keygen -lf .ssh/id_ed25519 && ssh-keygen -y -f .ssh/id_ed25519").ok();
    assert!(listed.stdout.contains(&fingerprint) && listed.stdout.contains("alice@laptop"), "{listed}");

    let _nobody = alice.azml(&home, &["sshkey", "add"]).exits(4);
    login(&alice, &server);
    let private = alice.azml(&home, &["sshkey", "add", ".ssh/id_ed25519"]).exits(2);
    assert!(private.stderr.contains("is a private key"), "{private}");
    let _added = alice.azml(&home, &["sshkey", "add", "--name", "my laptop"]).ok();
    let twice = alice.azml(&home, &["sshkey", "add"]).exits(1);
    assert!(twice.stderr.contains("registered already"), "{twice}");
    let table = alice.azml(&home, &["sshkey", "list", "-o", "table"]).ok();
    assert!(table.stdout.contains(&fingerprint) && table.stdout.contains("my laptop"), "{table}");

    std::fs::write(home.join("known_hosts"), format!("{}\n", server.known_hosts()))
        .expect("a file is written");
    let ssh = format!(
        "ssh -F none -i {0}/.ssh/id_ed25519 -o IdentitiesOnly=yes -o UserKnownHostsFile={0}/known_hosts -o BatchMode=yes",
        home.display()
    );
    let by_ssh = alice.clone().with_env("GIT_SSH_COMMAND", &ssh);
    let url = server.ssh_repo("iris");
    let _made = by_ssh.azml(&home, &["project", "create", "-n", "demo", "-r", &url]).ok();
    let _cloned = by_ssh.git(&home, &["clone", "-q", &url, "again"]).ok();
    assert!(home.join("again/train.py").exists());
    let removed = alice.azml(&home, &["sshkey", "remove", &fingerprint]).ok();
    assert!(removed.stderr.contains("my laptop"), "{removed}");
    let _refused = by_ssh.git(&home, &["ls-remote", &url]).fails();
    let _none = alice.azml(&home, &["sshkey", "remove", "my laptop"]).exits(3);
    assert!(!server.log().contains("PRIVATE KEY"));
}

#[test]
fn a_passphrase_protects_the_private_key() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let dir = sandbox.dir("keys");
    let args = ["sshkey", "generate", "--file", "key", "--passphrase-stdin"];
    let _empty = alice.azml_given(&dir, &args, "\n").exits(2);
    assert!(!dir.join("key").exists());
    let made = alice.azml_given(&dir, &args, "a long passphrase\n").ok();
    assert!(!format!("{made}").contains("a long passphrase"), "{made}");
    let open = |passphrase: &str| alice.sh(&dir, &format!("ssh-keygen -y -P '{passphrase}' -f key"));
    let _wrong = open("another").fails();
    let _nothing = open("").fails();
    let public = std::fs::read_to_string(dir.join("key.pub")).expect("the public key");
    let opened = open("a long passphrase").ok();
    assert_eq!(
        opened.text().split(' ').take(2).collect::<Vec<_>>(),
        public.split(' ').take(2).collect::<Vec<_>>()
    );
}

#[test]
fn a_login_is_in_the_keyring_where_there_is_one() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let alice = sandbox.stranger("alice");
    let home = alice.home().to_owned();
    let script = r#"
        printf 'pw\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize > keyring.log 2>&1
        is_up() {
            dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
                string:org.freedesktop.secrets | grep -q true
        }
        until is_up; do :; done
        printf 'alice-secret-token\n' | azml login --service "$URL" --with-token --query kept_in
        azml account show --query user
        grep -c alice-secret-token .config/azml/tokens.json || true
        printf 'url=%s\n' "$URL" | azml credential get | grep password=
        azml logout
        printf 'url=%s\n' "$URL" | azml credential get
        echo end"#;
    let mut command = alice.command("dbus-run-session", &home);
    command.env("URL", server.http()).env("XDG_RUNTIME_DIR", &home);
    command.args(["--", "timeout", "60", "sh", "-ec", script]);
    let output =
        Output::new("azml in a session".to_owned(), &command.output().expect("dbus-run-session starts")).ok();
    assert_eq!(output.stdout, "\"keyring\"\n\"alice\"\n0\npassword=alice-secret-token\nend\n", "{output}");
    let found = alice.sh(&home, "grep -rl alice-secret-token . || true").ok();
    assert_eq!(found.text(), "", "no file holds it, not even the keyring's");
}

#[test]
fn a_token_does_not_follow_to_another_host() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("it does not wait");
    let target = elsewhere.local_addr().expect("its address");
    let leading = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let service = format!("http://{}", leading.local_addr().expect("its address"));
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = leading.accept().expect("azml asks");
        let mut asked = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut head = String::new();
        while asked.read_line(&mut head).expect("a line") > 2 {}
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{target}/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).expect("answered");
        head
    });
    let refused = alice
        .azml_given(alice.home(), &["login", "--service", &service, "--with-token"], "a-secret-token")
        .exits(4);
    assert!(refused.stderr.contains("does not accept this token"), "{refused}");
    assert!(answering.join().expect("it was asked").to_lowercase().contains("authorization: basic "));
    assert!(elsewhere.accept().is_err(), "nobody came with the token");
}
