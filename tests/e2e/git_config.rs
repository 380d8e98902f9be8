//! The user's Git configuration counts as for git. Both ask the same server under the same configuration, and what it is
//! sent, and what helpers and askpass programs are told, has to be the same.

use std::path::Path;

use e2e::folder::write;
use e2e::recording::{Host, basic, proxy, taken};
use e2e::{Actor, Output, Sandbox, Server, git};

/// A helper that writes down what it is told, and answers as its argument says.
const HELPER: &str = r#"
said=$(cat)
printf '== %s\n%s\n' "$*" "$said" >> "$HOME/told"
[ "$2" = get ] || exit 0
case $1 in
basic) echo username=u; echo password=good;;
wrong) echo username=u; echo password=bad;;
name) echo username=u;;
expired) echo username=u; echo password=bad; echo password_expiry_utc=1;;
lasting) echo username=u; echo password=good; echo password_expiry_utc=9999999999; echo oauth_refresh_token=r;;
bearer) echo 'capability[]=authtype'; echo authtype=Bearer; echo credential=good; echo ephemeral=1;;
quit) echo quit=1;;
broken) echo nonsense; exit 1;;
fails) exit 1;;
stages)
    echo 'capability[]=authtype'; echo 'capability[]=state'; echo authtype=Multi
    case $said in
    *'state[]=h.one'*) echo credential=two; echo 'state[]=h.two';;
    *) echo credential=one; echo 'state[]=h.one'; echo continue=1;;
    esac;;
esac
"#;

/// An askpass program of the same kind.
const ASKPASS: &str = r#"
printf 'asked %s\n' "$1" >> "$HOME/told"
case $1 in User*) echo u;; *) printf 'good\r\nmore\n';; esac
"#;

/// The user's settings; HOST, HELP and ASK stand for the server's address and the two programs.
struct Case {
    name: &'static str,
    url: &'static str,
    config: &'static str,
    netrc: &'static str,
    env: &'static [(&'static str, &'static str)],
}

const CASE: Case = Case { name: "", url: "http://HOST/acme/iris", config: "", netrc: "", env: &[] };

const CASES: &[Case] = &[
    Case { name: "nothing", ..CASE },
    Case { name: "password in the URL", url: "http://u:good@HOST/acme/iris", ..CASE },
    Case {
        name: "wrong password in the URL",
        url: "http://u:bad@HOST/acme/iris",
        config: "[credential]\n helper = !HELP basic\n",
        ..CASE
    },
    Case { name: "a token as the user", url: "http://good@HOST/acme/iris", ..CASE },
    Case {
        name: "a user whom the helper knows",
        url: "http://u@HOST/acme/iris",
        config: "[credential]\n helper = !HELP basic\n",
        ..CASE
    },
    Case { name: "netrc", netrc: "machine 127.0.0.1 login u password good\n", ..CASE },
    Case {
        name: "netrc by default",
        netrc: "machine other login x password y\ndefault\n\tlogin u\n\tpassword \"good\"\n",
        ..CASE
    },
    Case {
        name: "netrc of that user",
        url: "http://u@HOST/acme/iris",
        netrc: "machine 127.0.0.1 login v password bad machine 127.0.0.1 login u password good",
        ..CASE
    },
    Case {
        name: "netrc is wrong, a helper is right",
        netrc: "machine 127.0.0.1 login u password bad\n",
        config: "[credential]\n helper = !HELP basic\n",
        ..CASE
    },
    Case {
        name: "netrc with a macro",
        netrc: "macdef x\nmachine 127.0.0.1 login u password bad\n\nmachine 127.0.0.1 login u password good # bad\n",
        ..CASE
    },
    Case { name: "a helper", config: "[credential]\n helper = !HELP basic\n", ..CASE },
    Case { name: "a helper by its path", config: "[credential]\n helper = HELP basic\n", ..CASE },
    Case { name: "a helper of git's", config: "[credential]\n helper = store --file=HOME/stored\n", ..CASE },
    Case {
        name: "a helper that is refused",
        config: "[credential]\n helper = !HELP wrong\n helper = !HELP basic\n",
        ..CASE
    },
    Case {
        name: "helpers one after the other",
        config: "[credential]\n helper = !HELP fails\n helper = !HELP broken\n helper = !HELP expired\n helper = !HELP name\n helper = !HELP basic\n",
        ..CASE
    },
    Case {
        name: "helpers taken back",
        config: "[credential]\n helper = !HELP wrong\n helper =\n helper = !HELP basic\n",
        ..CASE
    },
    Case {
        name: "a helper that is no program",
        config: "[credential]\n helper = no-such-helper\n helper = !HELP basic\n",
        ..CASE
    },
    Case {
        name: "a helper that quits",
        config: "[credential]\n helper = !HELP quit\n helper = !HELP basic\n",
        ..CASE
    },
    Case { name: "a password that lasts", config: "[credential]\n helper = !HELP lasting\n", ..CASE },
    Case { name: "bearer", config: "[credential]\n helper = !HELP bearer\n", ..CASE },
    Case { name: "two stages", config: "[credential]\n helper = !HELP stages\n", ..CASE },
    Case {
        name: "a helper for the host",
        config: "[credential]\n helper = !HELP wrong\n[credential \"http://HOST\"]\n helper =\n helper = !HELP basic\n[credential \"http://other\"]\n helper = !HELP wrong\n",
        ..CASE
    },
    Case {
        name: "a helper for part of the URL",
        config: "[credential \"HOST\"]\n helper = !HELP basic\n[credential \"http://HOST/other\"]\n helper = !HELP wrong\n",
        ..CASE
    },
    Case {
        name: "the path",
        config: "[credential]\n useHttpPath = true\n username = Mr. u\n helper = !HELP none\n",
        env: &[("GIT_ASKPASS", "ASK")],
        ..CASE
    },
    Case { name: "GIT_ASKPASS", env: &[("GIT_ASKPASS", "ASK"), ("SSH_ASKPASS", "/nowhere")], ..CASE },
    Case {
        name: "core.askPass",
        config: "[core]\n askPass = ASK\n",
        env: &[("SSH_ASKPASS", "/nowhere")],
        ..CASE
    },
    Case { name: "SSH_ASKPASS", url: "http://u%40x@HOST/acme/iris", env: &[("SSH_ASKPASS", "ASK")], ..CASE },
    Case { name: "an empty GIT_ASKPASS", env: &[("GIT_ASKPASS", ""), ("SSH_ASKPASS", "ASK")], ..CASE },
    Case { name: "an askpass program that is none", env: &[("GIT_ASKPASS", "/nowhere")], ..CASE },
    Case {
        name: "no prompts",
        config: "[credential]\n interactive = false\n",
        env: &[("GIT_ASKPASS", "ASK")],
        ..CASE
    },
    Case { name: "a header", config: "[http]\n extraHeader = Authorization: Token t\n", ..CASE },
    Case {
        name: "headers that fit",
        config: "[http \"http://HOST/acme\"]\n extraHeader = \"Authorization: Token t\"\n[http]\n extraHeader = X-More: worse\n[http \"http://HOST/acme/iris\"]\n extraHeader = X-More: better\n extraHeader = X-Pass: 1\n[http \"https://HOST\"]\n extraHeader = X-More: elsewhere\n",
        ..CASE
    },
    Case {
        name: "headers taken back",
        config: "[http]\n extraHeader = X-More: 1\n[http]\n extraHeader =\n extraHeader = X-Pass: good\n",
        ..CASE
    },
    Case {
        name: "a header that is refused",
        config: "[http]\n extraHeader = Authorization: Token bad\n",
        ..CASE
    },
    Case {
        name: "a header and a helper",
        config: "[http]\n extraHeader = X-More: 1\n[credential]\n helper = !HELP basic\n",
        ..CASE
    },
    Case { name: "cookies", config: "[http]\n cookieFile = ~/cookies\n", ..CASE },
    Case {
        name: "insteadOf",
        url: "corp:acme/iris",
        config: "[url \"http://u:good@HOST/\"]\n insteadOf = corp:\n[url \"http://wrong@HOST/\"]\n insteadOf = cor\n",
        ..CASE
    },
    Case {
        name: "insteadOf of an unknown scheme",
        url: "work://iris",
        config: "[url \"http://u:good@HOST/acme/\"]\n insteadOf = work://\n",
        ..CASE
    },
    Case {
        name: "insteadOf of a path",
        url: "ours/iris",
        config: "[url \"http://u:good@HOST/acme/\"]\n insteadOf = ours/\n",
        ..CASE
    },
    Case {
        name: "the environment",
        env: &[
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "http.extraHeader"),
            ("GIT_CONFIG_VALUE_0", "X-Pass: good"),
        ],
        ..CASE
    },
    Case { name: "git -c", env: &[("GIT_CONFIG_PARAMETERS", "'http.extraheader'='X-Pass: good'")], ..CASE },
];

#[test]
fn git_and_azml_send_and_ask_the_same() {
    let sandbox = Sandbox::new();
    let accepted: &'static [&'static str] = Box::leak(
        [basic("u:good"), basic("good:"), basic("u@x:good")]
            .map(|text| &*Box::leak(text.into_boxed_str()))
            .into_iter()
            .chain(["Bearer good", "Multi two", "Token t", "good", "session=good"])
            .collect::<Vec<_>>()
            .into_boxed_slice(),
    );
    let host = Host::start(accepted);
    let (helper, askpass) = (sandbox.script("help", HELPER), sandbox.script("ask", ASKPASS));
    let mut differ = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let who = sandbox.stranger(&format!("u{number}"));
        let fill = |text: &str| {
            text.replace("HOST", &host.address)
                .replace("HELP", helper.to_str().expect("UTF-8"))
                .replace("ASK", askpass.to_str().expect("UTF-8"))
                .replace("HOME", who.home().to_str().expect("UTF-8"))
        };
        write(who.home(), ".gitconfig", fill(case.config));
        write(who.home(), "stored", fill("http://u:good@HOST\n"));
        write(
            who.home(),
            "cookies",
            "127.0.0.1\tFALSE\t/acme\tFALSE\t9999999999\tsession\tgood\n#HttpOnly_other\tFALSE\t/\tFALSE\t0\ta\tb\n",
        );
        if !case.netrc.is_empty() {
            write(who.home(), ".netrc", case.netrc);
        }
        let who = case.env.iter().fold(who.clone(), |who, (name, value)| who.with_env(name, fill(value)));
        let url = fill(case.url);
        let told = || {
            let told = std::fs::read_to_string(who.home().join("told")).unwrap_or_default();
            write(who.home(), "told", "");
            told
        };
        let by_git = who.git(who.home(), &["ls-remote", "-q", &url]);
        let theirs = (host.sent(), told());
        let by_azml = who.azml(who.home(), &["project", "clone", &url, "there"]).fails();
        let ours = (host.sent(), told());
        if ours != theirs || is_in(&by_azml) != (by_git.code == Some(0)) {
            differ.push(format!("{}\ngit:  {theirs:?}\nazml: {ours:?}\n{by_git}\n{by_azml}", case.name));
        }
        for shown in ["good", "Token t"] {
            assert!(!by_azml.stderr.contains(shown), "{}\n{by_azml}", case.name);
        }
    }
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
}

/// Returns whether azml came so far as to see that there is nothing to clone.
fn is_in(output: &Output) -> bool {
    output.stderr.contains("the remote repository has no run history")
}

#[test]
fn a_proxy_is_used_where_git_uses_it() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (address, recorded) = proxy(server.http().trim_start_matches("http://"), false);
    let (strict, recorded_there) = proxy(server.http().trim_start_matches("http://"), true);
    let recorded_by_any = || [taken(&recorded), taken(&recorded_there)].concat();
    let alice = sandbox.stranger("alice");
    // The account is in the path: whatever the name, the proxy leads to the one server.
    let url = "http://alice:alicepat@git.example.test:8080/acme/_git/iris";
    let through = |who: &Actor<'_>, what: &str, expected: bool, user: &str| {
        let by_git = who.git(who.home(), &["ls-remote", url]);
        let git_asked = recorded_by_any();
        let by_azml = who.azml(who.home(), &["project", "clone", url, "there"]).fails();
        let azml_asked = recorded_by_any();
        assert_eq!(git_asked.is_empty(), !expected, "{what}\n{by_git}");
        assert_eq!(azml_asked.is_empty(), !expected, "{what}\n{by_azml}");
        assert_eq!(is_in(&by_azml), expected, "{what}\n{by_azml}");
        let first = git_asked.first();
        assert_eq!(azml_asked.first(), first, "{what}");
        assert!(first.is_none_or(|line| {
            line.starts_with("GET http://git.example.test:8080/acme/_git/iris/info/refs?")
        }));
        assert!(first.is_none_or(|line| line.ends_with(user)), "{what}: {first:?}");
    };
    through(&alice, "none", false, "");
    let by = |name: &str, value: &str| sandbox.stranger("alice").with_env(name, value);
    let plain = format!("http://{address}");
    through(&by("http_proxy", &plain), "http_proxy", true, "");
    through(&by("http_proxy", &address), "http_proxy without a scheme", true, "");
    through(&by("HTTP_PROXY", &plain), "HTTP_PROXY, which a web server may have set", false, "");
    through(&by("all_proxy", &plain), "all_proxy", true, "");
    through(&by("https_proxy", &plain), "https_proxy", false, "");
    through(&by("http_proxy", &plain).with_env("no_proxy", "x, .example.test"), "no_proxy", false, "");
    through(&by("http_proxy", &plain).with_env("NO_PROXY", "127.0.0.1"), "NO_PROXY of another", true, "");
    let with_user = format!("http://al:p%3Aw@{strict}");
    through(&by("http_proxy", &with_user), "a proxy with a user", true, &basic("al:p:w"));
    let configure = |text: &str| {
        let alice = sandbox.stranger("alice");
        write(alice.home(), ".gitconfig", text);
        alice
    };
    through(&configure(&format!("[http]\n proxy = {plain}\n")), "http.proxy", true, "");
    let only = "[http \"http://*.example.test:8080\"]\n proxy = ";
    through(
        &configure(&format!("{only}{plain}\n[http]\n proxy = http://127.0.0.1:1\n")),
        "http.<url>.proxy",
        true,
        "",
    );
    through(
        &configure("[http]\n proxy =\n").with_env("http_proxy", &plain),
        "an empty http.proxy",
        false,
        "",
    );

    let helper = "!f() { test $1 = get && grep -q username=al && echo password=p:w; }; f";
    let asks = format!(
        "[http]\n proxy = http://al@{strict}\n[credential \"http://{strict}\"]\n helper = \"{helper}\"\n"
    );
    through(&configure(&asks), "a proxy whose password a helper knows", true, &basic("al:p:w"));

    // The whole job: more than one request on a connection, a push in chunks.
    let alice =
        configure(&format!("[user]\n name = alice\n email = a@example.com\n[http]\n proxy = {with_user}\n"));
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", url);
    write(
        &project,
        "big.bin",
        (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect::<Vec<u8>>(),
    );
    write(&project, "train.py", "print('trained')\n");
    // A token would not go over plain HTTP to that name; what Git would send does.
    write(alice.home(), ".netrc", "machine git.example.test login alice password alicepat\n");
    let run = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let _cloned = alice.azml(&sandbox.dir("there"), &["project", "clone", url, "iris"]).ok();
    assert_eq!(alice.run_ids(&sandbox.path().join("there/iris")), [run]);
    let all = taken(&recorded_there);
    assert!(!all.is_empty() && all.iter().all(|line| line.ends_with(&basic("al:p:w"))));
}

#[test]
fn https_goes_through_a_tunnel_and_trusts_whom_the_configuration_names() {
    let sandbox = Sandbox::new();
    let server = Server::start_https(&sandbox, e2e::server::SEED);
    let (address, recorded) = proxy(server.https().trim_start_matches("https://"), false);
    let ca = server.ca_file(&sandbox);
    let alice = sandbox.stranger("alice");
    let port = server.https().rsplit(':').next().expect("a port").to_owned();
    let url = format!("https://alice:alicepat@localhost:{port}/acme/_git/iris");
    let folder = sandbox.dir("certificates");
    for (name, config, expected) in [
        ("nobody is trusted", format!("[http]\n proxy = {address}\n"), false),
        ("a file", format!("[http]\n proxy = {address}\n sslCAInfo = {}\n", ca.display()), true),
        (
            "a file for another host",
            format!("[http]\n proxy = {address}\n[http \"https://other\"]\n sslCAInfo = {}\n", ca.display()),
            false,
        ),
        (
            "everybody",
            format!("[http \"https://localhost:{port}\"]\n proxy = {address}\n sslVerify = false\n"),
            true,
        ),
        ("a folder", format!("[http]\n proxy = {address}\n sslCAPath = {}\n", folder.display()), true),
    ] {
        let _hashed = alice
            .sh(
                &folder,
                &format!(
                    "cp {} ca.pem; ln -sf ca.pem $(openssl x509 -hash -noout -in ca.pem).0",
                    ca.display()
                ),
            )
            .ok();
        write(alice.home(), ".gitconfig", config);
        let by_git = alice.git(alice.home(), &["ls-remote", "-q", &url]);
        let git_asked = taken(&recorded);
        let by_azml = alice.azml(alice.home(), &["project", "clone", &url, "there"]).fails();
        assert_eq!(by_git.stderr.is_empty(), expected, "{name}\n{by_git}");
        assert_eq!(is_in(&by_azml), expected, "{name}\n{by_azml}");
        let azml_asked = taken(&recorded);
        assert!(
            azml_asked
                .iter()
                .chain(&git_asked)
                .all(|line| line.starts_with(&format!("CONNECT localhost:{port} ")))
        );
        assert!(!azml_asked.is_empty() && !git_asked.is_empty(), "{name}");
    }
}

#[test]
fn a_short_name_is_kept_as_it_was_typed_and_rewritten_at_each_use() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.stranger("alice");
    let host = server.http().trim_start_matches("http://").to_owned();
    let rules =
        format!("[url \"http://x:alicepat@{host}/\"]\n insteadOf = corp:\n insteadOf = \"work://\"\n");
    let identity = "[user]\n name = alice\n email = alice@example.com\n";
    write(alice.home(), "corp.inc", &rules);
    let condition = "[includeIf \"gitdir:~/work/\"]\n path = corp.inc\n";
    write(alice.home(), ".gitconfig", format!("{identity}{condition}"));
    let work = alice.home().join("work");
    std::fs::create_dir(&work).expect("a new folder");
    let project = work.join("iris");
    let made = alice.azml(&work, &["project", "create", "-n", "iris", "-r", "corp:acme/_git/iris"]).ok();
    let second = alice.azml(&work, &["project", "create", "-n", "second"]).ok();
    let linked =
        alice.azml(&work.join("second"), &["project", "update", "-r", "work://acme/iris/_git/extra"]).ok();
    write(&project, "train.py", "print('trained')\n");
    let run = alice.submit(&project, &["train.py"]);
    let synced = alice.azml(&project, &["history", "sync"]).ok();
    let shown = alice.azml(&project, &["project", "show"]).ok();
    assert!(shown.stdout.contains("corp:acme/_git/iris"), "{shown}");
    let cloned = alice.azml(&work, &["project", "clone", "corp:acme/_git/iris", "copy"]).ok();
    assert_eq!(alice.run_ids(&work.join("copy")), [run]);
    let templates = sandbox.bare_repo("templates/plain.git");
    let first = "git init -q plain && cd plain && echo 1 > a.txt && git add . && git commit -qm first";
    let _pushed =
        alice.sh(sandbox.path(), &format!("{first} && git push -q {} master", templates.display())).ok();
    let rule = format!("[url \"{}/templates/\"]\n insteadOf = tpl:\n", sandbox.path().display());
    write(alice.home(), "corp.inc", format!("{rules}{rule}"));
    let third = ["project", "create", "-n", "third", "--template-url", "tpl:plain.git"];
    let templated = alice.azml(&work, &third).ok();
    assert!(work.join("third/a.txt").exists());
    for output in [made, second, linked, synced, shown, cloned, templated] {
        assert!(!format!("{output}").contains("alicepat"), "{output}");
    }
    let kept = alice.sh(&work, "grep -rl alicepat . || true").ok();
    assert_eq!(kept.text(), "", "a secret of the rewritten URL is stored nowhere");
    // Plain git understands the same name.
    let _pushed = alice
        .sh(&project, "git add -A && git commit -qm work && git push -q && git remote get-url origin")
        .ok();
    let remote = alice.sh(&project, "git config remote.origin.url").ok();
    assert_eq!(remote.text(), "corp:acme/_git/iris");
    // Elsewhere the condition does not hold.
    let outside =
        alice.azml(&sandbox.dir("outside"), &["project", "clone", "work://acme/_git/iris", "copy"]).fails();
    assert!(outside.stderr.contains("URL scheme `work` is not supported"), "{outside}");
}

#[test]
fn a_program_in_place_of_ssh_gets_the_options_that_git_gives_it() {
    let sandbox = Sandbox::new();
    let bare = sandbox.bare_repo("remote.git");
    // One takes a host and a command and nothing else, the other what OpenSSH takes.
    let simple = sandbox.script("only-two", "[ $# = 2 ] || exit 1\neval \"$2\"\n");
    let full = sandbox.script("wrapped", "for last; do :; done\n[ $1 = -G ] || eval \"$last\"\n");
    let [simple, full] = [simple, full].map(|path| path.to_str().expect("UTF-8").to_owned());
    for (name, config, env, port, expected) in [
        ("a simple one", "", ("GIT_SSH", simple.as_str()), "", true),
        ("a command line", "", ("GIT_SSH_COMMAND", &format!("'{simple}'")), "", true),
        (
            "in the configuration",
            &format!("[core]\n sshCommand = {simple}\n"),
            ("GIT_SSH", "/nowhere"),
            "",
            true,
        ),
        ("a simple one and a port", "", ("GIT_SSH", &simple), ":22", false),
        ("one like OpenSSH", "", ("GIT_SSH", &full), ":22", true),
        ("one that is called so", "[ssh]\n variant = ssh\n", ("GIT_SSH", &simple), "", false),
        ("one that is called simple", "[ssh]\n variant = simple\n", ("GIT_SSH", &full), "", true),
        ("by the environment", "[ssh]\n variant = ssh\n", ("GIT_SSH_VARIANT", "simple"), "", true),
    ] {
        let alice = sandbox.stranger("alice").with_env(env.0, env.1);
        let alice = if env.0 == "GIT_SSH_VARIANT" { alice.with_env("GIT_SSH", &simple) } else { alice };
        write(alice.home(), ".gitconfig", config);
        let url = format!("ssh://host{port}{}", bare.display());
        let by_git = alice.git(alice.home(), &["ls-remote", &url]);
        let by_azml = alice.azml(alice.home(), &["project", "clone", &url, "there"]).fails();
        assert_eq!(
            (by_git.code == Some(0), is_in(&by_azml)),
            (expected, expected),
            "{name}\n{by_git}\n{by_azml}"
        );
    }
}

#[test]
fn a_push_goes_where_push_instead_of_leads() {
    let sandbox = Sandbox::new();
    let (read, written) = (sandbox.bare_repo("read.git"), sandbox.bare_repo("write.git"));
    let alice = sandbox.stranger("alice");
    let rules = format!(
        "[user]\n name = alice\n email = a@example.com\n[url \"{}\"]\n insteadOf = w:\n[url \"{}\"]\n pushInsteadOf = w:\n",
        read.display(),
        written.display()
    );
    write(alice.home(), ".gitconfig", rules);
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", "w:");
    let refs =
        |repo: &Path| alice.git(repo, &["for-each-ref", "--format=%(refname)"]).ok().text().lines().count();
    assert_eq!((refs(&read), refs(&written) >= 2), (0, true), "{}", project.display());
    git::assert_sound(&alice, &written);
}

#[test]
fn a_foreign_configuration_starts_nothing() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.stranger("alice");
    let url = server.repo("iris");
    let owner = sandbox.actor_at("other", "alice", "alicepat");
    let project = owner.create_linked_project(&sandbox.dir("work"), "iris", &url);
    let evil =
        sandbox.script("evil", "echo \"$0 $*\" >> \"$HOME/started\"; echo username=x; echo password=y\n");
    let evil = evil.to_str().expect("UTF-8");
    let (address, recorded) = proxy("127.0.0.1:1", false);
    let config = format!(
        "[credential]\n helper = !{evil}\n[core]\n askPass = {evil}\n sshCommand = {evil}\n\
         [http]\n proxy = http://{address}\n extraHeader = X-Evil: 1\n sslVerify = false\n\
         [url \"http://{address}/\"]\n insteadOf = http://\n pushInsteadOf = http://\n[safe]\n directory = *\n"
    );
    write(&project, "included", &config);
    let include = format!("[include]\n path = {}/included\n", project.display());
    let history = project.join(".azuremlhistory_git/config");
    let own = std::fs::read_to_string(&history).expect("its configuration");
    std::fs::write(&history, format!("{own}{config}{include}")).expect("written");
    let sync = |who: &Actor<'_>| who.azml(&project, &["history", "sync"]);
    let nobody = sync(&alice).exits(4);
    let started = || std::fs::read_to_string(alice.home().join("started")).unwrap_or_default();
    assert_eq!(
        (started(), taken(&recorded)),
        (String::new(), Vec::new()),
        "the history's own configuration\n{nobody}"
    );
    let _fine = sync(&sandbox.actor("alice", "alicepat")).ok();

    if alice.sh(sandbox.path(), "id -u").ok().text() != "0" {
        return println!("only root can give a folder away; this was run by somebody else");
    }
    let git_config = project.join(".git/config");
    let own = std::fs::read_to_string(&git_config).expect("its configuration");
    std::fs::write(&git_config, format!("{own}{config}{include}")).expect("written");
    let _given = alice.sh(&project, "chown -R 65534 .git").ok();
    let nobody = sync(&alice).exits(4);
    assert_eq!(
        (started(), taken(&recorded)),
        (String::new(), Vec::new()),
        "a repository of somebody else's\n{nobody}"
    );
    // One that the user calls safe counts, and one's own, as for git.
    let identity = std::fs::read_to_string(alice.home().join(".gitconfig")).expect("the sandbox's");
    write(alice.home(), ".gitconfig", format!("{identity}[safe]\n directory = {}\n", project.display()));
    let _refused = sync(&alice).fails();
    assert!(!taken(&recorded).is_empty());
    write(alice.home(), ".gitconfig", identity);
    let _back = alice.sh(&project, "chown -R 0 .git").ok();
    let _refused = sync(&alice).fails();
    assert!(!taken(&recorded).is_empty());
}

#[test]
fn a_configuration_that_git_refuses_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    let good = std::fs::read_to_string(alice.home().join(".gitconfig")).expect("written by the sandbox");
    write(alice.home(), ".gitconfig", format!("{good}[http\n"));
    let line = good.lines().count() + 1;
    let expected = format!("bad config line {line} in file {}/.gitconfig", alice.home().display());
    let by_git = alice.git(&project, &["ls-remote", "origin"]).fails();
    assert!(by_git.stderr.contains(&expected), "{by_git}");
    for args in [["history", "sync"].as_slice(), &["project", "clone", &server.repo("iris"), "copy"]] {
        let refused = alice.azml(&project, args).fails();
        assert!(refused.stderr.contains(&expected) && refused.stderr.contains("hint: "), "{refused}");
    }
    write(alice.home(), ".gitconfig", format!("{good}[http]\n sslVerify = perhaps\n"));
    let refused = alice.azml(&project, &["history", "sync"]).fails();
    assert!(refused.stderr.contains("bad config value 'perhaps' for http.sslverify"), "{refused}");
}

#[test]
fn a_token_with_a_line_end_works() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (dir, url) = (sandbox.dir("work"), server.repo("iris"));
    let _project = sandbox.actor("alice", "alicepat\n").create_linked_project(&dir, "iris", &url);
    let args = ["project", "clone", &url, "copy", "--vststoken", " bobpat\r\n"];
    let _cloned = sandbox.stranger("bob").azml(&dir, &args).ok();
}

#[test]
fn azml_as_a_helper_of_azml_does_not_ask_itself_for_ever() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.stranger("alice");
    write(alice.home(), ".gitconfig", format!("[credential]\n helper = !{} credential\n", alice.azml_path()));
    let refused = alice.azml(alice.home(), &["project", "clone", &server.repo("iris"), "copy"]).exits(4);
    assert!(refused.stderr.contains("hint: "), "{refused}");
}
