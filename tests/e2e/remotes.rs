//! Every kind of URL that stock git takes: a path, `file://`, ssh by the user's own ssh, scp-like, HTTP.

use e2e::folder::write;
use e2e::{Actor, Sandbox, Server, contents, git, server, sshd};

/// The main job over one URL: link, run, roam, restore; then stock git looks at the remote.
fn main_job(sandbox: &Sandbox, actor: &Actor<'_>, url: &str) {
    let project = actor.create_linked_project(&sandbox.dir("work"), "iris", url);
    write(&project, "train.py", "print('trained')\n");
    write(&project, "data.bin", (0..=255).cycle().take(200_000).collect::<Vec<u8>>());
    let first = actor.submit(&project, &["train.py"]);
    let of_first = contents(&project);
    write(&project, "train.py", "print('trained again')\n");
    let second = actor.submit(&project, &["train.py"]);
    let of_second = contents(&project);
    let _synced = actor.azml(&project, &["history", "sync"]).ok();

    let there = sandbox.dir("there");
    let _cloned = actor.azml(&there, &["project", "clone", url, "iris"]).ok();
    let roamed = there.join("iris");
    contents(&roamed).assert_same(&of_second, url);
    assert_eq!(actor.run_ids(&roamed), [second, first.clone()]);
    let _restored = actor.azml(&roamed, &["project", "restore", "--run-id", &first]).ok();
    contents(&roamed).assert_same(&of_first, url);

    // The user's own git reaches the same remote by the same address.
    let _committed = actor.sh(&project, "git add -A && git commit -qm work").ok();
    let _pushed = actor.git(&project, &["push", "-q"]).ok();
    let _mirrored = actor.git(sandbox.path(), &["clone", "-q", "--mirror", url, "mirror.git"]).ok();
    let mirror = sandbox.path().join("mirror.git");
    git::assert_sound(actor, &mirror);
    let branch = git::history_branch(&project);
    assert!(git::reaches(actor, &mirror, &branch, &actor.commit_of(&project, &first)));
    for repository in [git::history_of(&project), git::history_of(&roamed)] {
        git::assert_sound(actor, &repository);
    }
}

#[test]
fn a_bare_folder() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare_repo("remote.git");
    main_job(&sandbox, &sandbox.stranger("alice"), remote.to_str().expect("UTF-8"));
    git::assert_sound(&sandbox.stranger("alice"), &remote);
}

#[test]
fn a_folder_named_from_where_one_stands_is_found_from_elsewhere() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let _bare = sandbox.bare_repo("work/remote.git");
    let project = alice.create_linked_project(&work, "iris", "remote.git");
    write(&project, "train.py", "print('trained')\n");
    let run = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let _cloned = alice.azml(&work, &["project", "clone", "./remote.git", "copy"]).ok();
    let _again = alice.azml(&work.join("copy"), &["history", "sync"]).ok();
    assert_eq!(alice.run_ids(&work.join("copy")), [run]);
}

#[test]
fn a_file_url_with_a_space_in_it() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare_repo("remote repo.git");
    let url = format!("file://{}", remote.display());
    main_job(&sandbox, &sandbox.stranger("alice"), &url);
}

#[test]
fn vsts_mock_over_http() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    main_job(&sandbox, &sandbox.actor("alice", "alicepat"), &server.repo("extra"));
}

#[test]
fn vsts_mock_over_ssh() {
    let sandbox = Sandbox::new();
    let (server, ssh) = Server::with_ssh_key(&sandbox);
    let alice = sandbox.stranger("alice").with_env("GIT_SSH_COMMAND", ssh);
    main_job(&sandbox, &alice, &server.ssh_repo("extra"));
    for repository in server.repositories() {
        git::assert_sound(&alice, &repository);
    }
    // Another's key does not open it, and the message is the server's.
    let url = server.ssh_repo("extra").replace("acme@", "elsewhere@").replace("/iris/", "/hers/");
    let output = alice.azml(&sandbox.dir("work"), &["project", "clone", &url, "hers"]).fails();
    assert!(output.stderr.contains("TF401019"), "{output}");
}

#[test]
fn vsts_mock_over_https() {
    let sandbox = Sandbox::new();
    let server = Server::start_https(&sandbox, server::SEED);
    let (url, ca) = (server.repo("extra").replace(server.http(), server.https()), server.ca_file(&sandbox));
    let work = sandbox.dir("work");
    let alice = sandbox.actor("alice", "alicepat");
    let refused = alice.azml(&work, &["project", "create", "-n", "iris", "-r", &url]).fails();
    for words in ["is not trusted", "hint:", "sslCAInfo"] {
        assert!(refused.stderr.contains(words), "{words}: {refused}");
    }
    let key = format!("http.{}/.sslCAInfo", server.https());
    let _set = alice.git(&work, &["config", "--global", &key, ca.to_str().expect("UTF-8")]).ok();
    main_job(&sandbox, &alice, &url);

    // Every other way to say whom to trust, at a computer where Git's configuration says nothing.
    let ca = ca.to_str().expect("UTF-8");
    for (name, value) in [("GIT_SSL_CAINFO", ca), ("SSL_CERT_FILE", ca), ("GIT_SSL_NO_VERIFY", "")] {
        let other = sandbox.actor_at("laptop", "alice", "alicepat").with_env(name, value);
        let _cloned = other.azml(&sandbox.dir("laptop"), &["project", "clone", &url, name]).ok();
    }
    let careless = sandbox.actor_at("laptop", "alice", "alicepat");
    let dir = sandbox.dir("laptop");
    let _set = careless.git(&dir, &["config", "--global", "http.sslVerify", "false"]).ok();
    let _cloned = careless.azml(&dir, &["project", "clone", &url, "unverified"]).ok();
    let strict = careless.with_env("GIT_SSL_CAINFO", "nowhere.pem");
    let _set = strict.git(&dir, &["config", "--global", "http.sslVerify", "true"]).ok();
    let refused = strict.azml(&dir, &["project", "clone", &url, "refused"]).fails();
    assert!(refused.stderr.contains("nowhere.pem"), "{refused}");
}

#[test]
fn ssh_by_the_users_own_command() {
    let sandbox = Sandbox::new();
    // Stands in for ssh: notes how it was called and runs the command here.
    let log = sandbox.path().join("ssh.log");
    let script = format!("echo \"$*\" >> '{}'\nfor last; do :; done\nexec sh -c \"$last\"\n", log.display());
    let ssh = sandbox.script("fake-ssh", &script);
    let remote = sandbox.bare_repo("remote.git");
    let alice =
        sandbox.stranger("alice").with_env("GIT_SSH_COMMAND", &ssh).with_env("GIT_SSH_VARIANT", "ssh");
    main_job(&sandbox, &alice, &format!("ssh://git@box:2222{}", remote.display()));
    let calls = std::fs::read_to_string(&log).expect("ssh was called");
    assert!(calls.lines().all(|call| call.contains("git@box") && call.contains("-p 2222")), "{calls}");
}

#[test]
fn ssh_in_its_scp_like_form() {
    let sandbox = Sandbox::new();
    let ssh = sandbox.script("fake-ssh", "for last; do :; done\nexec sh -c \"$last\"\n");
    let remote = sandbox.bare_repo("it's here.git");
    let alice =
        sandbox.stranger("alice").with_env("GIT_SSH_COMMAND", &ssh).with_env("GIT_SSH_VARIANT", "ssh");
    main_job(&sandbox, &alice, &format!("git@box:{}", remote.display()));
}

#[test]
fn a_real_openssh_server() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare_repo("remote.git");
    let alice = sandbox.stranger("alice");
    let ssh = sshd::prepare(&sandbox, &alice);
    let alice = alice.with_env("GIT_SSH_COMMAND", ssh);
    main_job(&sandbox, &alice, &format!("ssh://box{}", remote.display()));
}

#[test]
fn a_host_that_is_not_the_one_it_was_is_refused() {
    let sandbox = Sandbox::new();
    let (server, ssh) = Server::with_ssh_key(&sandbox);
    let alice = sandbox.stranger("alice").with_env("GIT_SSH_COMMAND", &ssh);
    let url = server.ssh_repo("iris");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    // Another key than the one that it showed until now.
    let known = sandbox.dir("ssh").join("known_hosts");
    let line = std::fs::read_to_string(&known).expect("it was written");
    let other = std::fs::read_to_string(sandbox.dir("ssh").join("key.pub")).expect("a key");
    let host = line.split(' ').next().expect("a host");
    std::fs::write(&known, format!("{host} {other}")).expect("written");
    write(&project, "train.py", "print('trained')\n");
    let run = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    assert!(run.stderr.contains("could not be pushed"), "{run}");
    let sync = alice.azml(&project, &["history", "sync"]).fails();
    assert!(sync.stderr.contains("ost key verification failed"), "{sync}");
    assert!(sync.stderr.contains("hint: "), "{sync}");
}

#[test]
fn a_certificate_that_has_expired_or_is_anothers_is_named() {
    let sandbox = Sandbox::new();
    let server = Server::start_https(&sandbox, server::SEED);
    let alice = sandbox.actor("alice", "alicepat");
    let url = format!("{}/acme/_git/iris", server.https());
    let output = alice.azml(&sandbox.dir("work"), &["project", "create", "-n", "iris", "-r", &url]).fails();
    assert!(output.stderr.contains("is not trusted: nobody who is trusted here has signed it"), "{output}");
    assert!(output.stderr.contains("hint: if you trust the server, name its authority"), "{output}");
    assert!(
        !sandbox.dir("work").join("iris").exists(),
        "nothing is left of a project that could not be linked"
    );
}

#[test]
fn a_remote_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let missing = sandbox.path().join("missing.git");
    let output = alice.azml(&work, &["project", "clone", missing.to_str().expect("UTF-8"), "iris"]).fails();
    assert!(output.stderr.contains("missing.git"), "{output}");
    assert!(!work.join("iris").exists());
    // Nothing listens on port 1 of this machine.
    let output = alice.azml(&work, &["project", "clone", "http://127.0.0.1:1/x", "iris"]).fails();
    assert!(output.stderr.contains("127.0.0.1:1"), "{output}");
}

#[test]
fn a_server_is_not_trusted_where_its_pinned_key_cannot_be_compared() {
    let sandbox = Sandbox::new();
    let server = Server::start_https(&sandbox, server::SEED);
    let alice = sandbox.stranger("alice");
    let url = server.https().replace("https://", "https://alice:alicepat@") + "/acme/_git/iris";
    let trusted = format!("[http]\n sslCAInfo = {}\n", server.ca_file(&sandbox).display());
    let pinned = |url: &str| format!("{trusted}[http \"{url}\"]\n pinnedPubkey = sha256//AAAA\n");
    write(alice.home(), ".gitconfig", pinned(server.https()));
    let _by_git = alice.git(alice.home(), &["ls-remote", "-q", &url]).fails();
    let refused = alice.azml(alice.home(), &["project", "create", "-n", "iris", "-r", &url]).fails();
    assert!(refused.stderr.contains(".pinnedpubkey is set in file "), "{refused}");
    write(alice.home(), ".gitconfig", pinned("https://elsewhere.example"));
    let _by_git = alice.git(alice.home(), &["ls-remote", "-q", &url]).ok();
    let _made = alice.azml(alice.home(), &["project", "create", "-n", "iris", "-r", &url]).ok();
}
