//! Against stock git: the same files, the same environment, the same URLs.

use std::process::Command;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A home folder with a project in it, and an environment of its own.
struct Testbed {
    dir: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

impl Testbed {
    fn new(gitconfig: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        std::fs::create_dir_all(home.join("Work/p")).unwrap();
        std::fs::write(home.join(".gitconfig"), gitconfig).unwrap();
        let path = Command::new("sh").args(["-c", "echo $PATH"]).output().unwrap().stdout;
        let path = String::from_utf8(path).unwrap().trim().to_owned();
        let home = home.to_str().unwrap().to_owned();
        let vars = [("HOME", home), ("PATH", path), ("GIT_CONFIG_NOSYSTEM", "1".to_owned())];
        let vars = vars.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { dir, vars }
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn project(&self) -> PathBuf {
        self.home().join("Work/p")
    }

    fn with_repository(self, branch: &str) -> Self {
        self.git(&["init", "-q", "-b", branch]).unwrap();
        self
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Returns the output of git in the project; `None` if it fails.
    fn git(&self, args: &[&str]) -> Option<String> {
        let mut command = Command::new("git");
        command.env_clear().envs(self.vars.iter().cloned()).current_dir(self.project()).args(args);
        let output = command.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn load(&self) -> Result<GitConfig, Error> {
        let env = Env::fixed(self.vars.iter().cloned(), self.project());
        GitConfig::load(&env, Some(&Repository::of_project(&self.project())?))
    }

    /// All entries, as git lists them with `-z`.
    fn ours(&self) -> Option<String> {
        let show = |entry: &Entry| match &entry.value {
            Some(value) => format!("{}\n{value}\0", entry.key()),
            None => format!("{}\0", entry.key()),
        };
        self.load().ok().map(|config| config.entries.iter().map(show).collect())
    }

    #[track_caller]
    fn agrees(&self, what: &str) {
        let theirs = self.git(&["config", "--list", "-z"]);
        assert_eq!(self.ours(), theirs, "{what}");
    }
}

#[test]
fn files_are_read_in_gits_order_with_what_they_include() {
    let mut testbed = Testbed::new(
        "[user]\n name = a\n[include]\n path = more\n path = missing\n[core]\n\tbare\n x = \"a b\" c ; end\n y = a\\\n b\n",
    )
    .with_repository("main");
    testbed.write("more", "[User \"Sub\"]\nName = b\n[old.Style] z=1\n[include] path = ~/deep\n");
    testbed.write("deep", "[a] b = c\n");
    testbed.write(".config/git/config", "[user]\n name = xdg\n");
    testbed.write("other", "[user]\n name = other\n");
    testbed.agrees("defaults");
    testbed.vars.push(("XDG_CONFIG_HOME".into(), testbed.home().join("nowhere").to_str().unwrap().into()));
    testbed.agrees("without the folder of XDG");
    testbed.vars.push(("GIT_CONFIG_GLOBAL".into(), testbed.home().join("other").to_str().unwrap().into()));
    testbed.agrees("another global file");
    testbed.vars.push(("GIT_CONFIG_NOSYSTEM".into(), "false".into()));
    testbed.vars.push(("GIT_CONFIG_SYSTEM".into(), testbed.home().join("more").to_str().unwrap().into()));
    testbed.agrees("another system file");
    testbed.git(&["config", "extensions.worktreeConfig", "true"]).unwrap();
    testbed.git(&["config", "--worktree", "a.worktree", "yes"]).unwrap();
    testbed.agrees("a work tree's own file");
    let deep = testbed.home().join("deep").to_str().unwrap().to_owned();
    let parameters = format!("'user.name'='it'\\''s' 'a.b'= 'old.style=x' 'include.path'='{deep}'");
    for (name, value) in [
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "Url.https://H/.insteadOf"),
        ("GIT_CONFIG_VALUE_0", "gh:"),
        ("GIT_CONFIG_KEY_1", "core.x"),
        ("GIT_CONFIG_VALUE_1", ""),
        ("GIT_CONFIG_PARAMETERS", &parameters),
    ] {
        testbed.vars.push((name.into(), value.into()));
    }
    testbed.agrees("the environment");
    testbed.vars.push(("GIT_CONFIG_GLOBAL".into(), String::new()));
    testbed.agrees("no global file");
}

#[test]
fn conditions_hold_where_they_hold_for_git() {
    let testbed = Testbed::new("").with_repository("feature/x");
    let home = testbed.home();
    std::os::unix::fs::symlink(home.join("Work"), home.join("link")).unwrap();
    testbed.git(&["remote", "add", "origin", "https://git.example.com/acme/iris"]).unwrap();
    testbed.write("inc", "[a]\n b = c\n");
    let home = home.to_str().unwrap();
    let absolute = [
        format!("gitdir:{home}/Work/p/.git"),
        format!("gitdir:{home}/Work/"),
        format!("gitdir:{home}/link/"),
        format!("gitdir:{home}/Work"),
        format!("gitdir/i:{}/work/", home.to_uppercase()),
    ];
    let conditions = [
        "gitdir:~/Work/",
        "gitdir:~/link/",
        "gitdir:~/work/",
        "gitdir/i:~/work/",
        "gitdir:Work/",
        "gitdir:p/",
        "gitdir:p/.git",
        "gitdir:./Work/",
        "gitdir/i:./wORK/",
        "gitdir:./ork/",
        "gitdir:W*/",
        "gitdir:**/p/.git",
        "gitdir:*",
        "gitdir:",
        "onbranch:feature/x",
        "onbranch:feature/",
        "onbranch:feature",
        "onbranch:f*",
        "onbranch:f*/x",
        "onbranch:**",
        "hasconfig:remote.*.url:https://git.example.com/**",
        "hasconfig:remote.*.url:https://git.example.com/*",
        "hasconfig:remote.origin.url:https://git.example.com/**",
        "hasconfig:remote.*.url:",
        "unheard:of",
        "nothing",
    ];
    for condition in conditions.into_iter().map(str::to_owned).chain(absolute) {
        testbed.write(".gitconfig", &format!("[includeIf \"{condition}\"]\n path = inc\n[z]\n z = 1\n"));
        testbed.agrees(&condition);
    }
}

#[test]
fn what_git_refuses_is_refused_with_file_and_line() {
    let testbed = Testbed::new("").with_repository("main");
    testbed.write(".gitconfig", "[user]\n name = a\n[broken\n");
    let refusal = |testbed: &Testbed| testbed.load().unwrap_err().to_string();
    assert_eq!(testbed.git(&["config", "--list"]), None);
    assert_eq!(
        refusal(&testbed),
        format!("bad config line 3 in file {}/.gitconfig", testbed.home().display())
    );
    testbed.write(".gitconfig", "[include]\n path = inc\n");
    testbed.write("inc", "\n= 1\n");
    assert_eq!(testbed.git(&["config", "--list"]), None);
    assert_eq!(refusal(&testbed), format!("bad config line 2 in file {}/inc", testbed.home().display()));
    testbed.write("inc", "[include]\n path = .gitconfig\n");
    assert_eq!(testbed.git(&["config", "--list"]), None);
    assert!(refusal(&testbed).contains("includes more than 10 files"), "{}", refusal(&testbed));
    testbed.write("inc", "[http]\n sslVerify = perhaps\n extraHeader\n");
    let config = testbed.load().unwrap();
    let place = format!("file {}/inc", testbed.home().display());
    let verify = config.for_url("http", "sslverify", None)[0].boolean().unwrap_err().to_string();
    let why = "it is neither true nor false";
    assert_eq!(verify, format!("bad config value 'perhaps' for http.sslverify in {place}: {why}"));
    let header = config.for_url("http", "extraheader", None)[0].text().unwrap_err().to_string();
    assert_eq!(header, format!("missing value for http.extraheader in {place}"));
}

#[test]
fn the_configuration_of_somebody_elses_repository_is_not_read() {
    let testbed = Testbed::new("").with_repository("main");
    testbed.git(&["config", "core.sshCommand", "evil"]).unwrap();
    assert!(testbed.load().unwrap().last("core", "sshcommand").is_some());
    // Only root can give a folder away.
    let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(testbed.project()).unwrap());
    let is_root = own == 0;
    let owner = if is_root { 65_534 } else { own };
    std::os::unix::fs::chown(testbed.project().join(".git"), Some(owner), None).unwrap();
    assert_eq!(testbed.load().unwrap().last("core", "sshcommand").is_some(), !is_root);
    testbed.write(".gitconfig", "[core]\n askPass = mine\n");
    assert!(testbed.load().unwrap().last("core", "askpass").is_some());
}

/// URLs and patterns of few parts, so that they meet often.
fn url() -> impl Strategy<Value = String> {
    let scheme = select(vec!["http://", "https://", "HTTP://", "ssh://", "file://", ""]);
    let user = select(vec!["", "", "u@", "U%41@", "v:p@", "@"]);
    let host = select(vec!["h", "a.h", "b.h", "A.h", "*.h", "*", "a.*", "[::1]", "", "h_", "x y", "a.h."]);
    let port = select(vec!["", "", ":80", ":443", ":081", ":8080", ":", ":0", ":x"]);
    let segment = select(vec![
        "", "/", "/x", "/X", "/x/", "/x/y", "/%78", "/./x", "/x/../y", "/..", "/%2f", "/x?q", "/%",
    ]);
    (scheme, user, host, port, segment.clone(), select(vec!["", "/y", "/z/", "/."]))
        .prop_map(|(scheme, user, host, port, one, two)| format!("{scheme}{user}{host}{port}{one}{two}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_best_fit_is_gits(
        settings in prop::collection::vec((0..12_usize, prop::option::weighted(0.9, url())), 60),
        urls in prop::collection::vec(url(), 8),
    ) {
        let mut text = String::new();
        for (number, (key, pattern)) in settings.iter().enumerate() {
            let header = pattern.as_ref().map_or("[http]".to_owned(), |pattern| format!("[http \"{pattern}\"]"));
            text.extend([header, format!("\n k{key} = {number}\n")]);
        }
        let testbed = Testbed::new(&text);
        let config = testbed.load().unwrap();
        for url in urls {
            let normal = NormalUrl::parse(url.as_bytes());
            let theirs = testbed.git(&["config", "--get-urlmatch", "http", &url]);
            // Without a URL that it takes for one git refuses the question; a transport asks without.
            let Some(theirs) = theirs.filter(|_| normal.is_some()) else { continue };
            let mut theirs: Vec<_> = theirs.lines().map(str::to_owned).collect();
            let ours = (0..12).filter_map(|key| {
                let found = config.for_url("http", &format!("k{key}"), normal.as_ref());
                found.last().map(|entry| format!("http.k{key} {}", entry.text().unwrap()))
            });
            let mut ours: Vec<_> = ours.collect();
            ours.sort();
            theirs.sort();
            prop_assert_eq!(ours, theirs, "{}\n{}", url, text);
        }
    }

    #[test]
    fn urls_are_rewritten_as_by_git(
        rules in prop::collection::vec((select(vec!["https://h/", "ssh://h/", "/srv/", "x:"]), any::<bool>(), prefix()), 1..14),
        urls in prop::collection::vec((prefix(), select(vec!["", "a", "/a", "a/b"])), 1..12),
    ) {
        let mut text = String::new();
        for (base, is_push, prefix) in &rules {
            let key = if *is_push { "pushInsteadOf" } else { "insteadOf" };
            text.extend(["[url \"", base, "\"]\n ", key, " = \"", prefix, "\"\n"]);
        }
        let urls: Vec<_> = urls.iter().map(|(start, end)| format!("{start}{end}")).filter(|url| !url.is_empty()).collect();
        for (number, url) in urls.iter().enumerate() {
            text.extend([format!("[remote \"r{number}\"]\n url = \"{url}\"\n")]);
        }
        let testbed = Testbed::new(&text).with_repository("main");
        let config = testbed.load().unwrap();
        let theirs = testbed.git(&["remote", "-v"]).unwrap();
        let mut ours = String::new();
        for (number, url) in urls.iter().enumerate() {
            let (fetch, push) = (config.rewrite(url, Direction::Fetch), config.rewrite(url, Direction::Push));
            let (fetch, push) = (fetch.unwrap(), push.unwrap());
            ours.extend([format!("r{number}\t{fetch} (fetch)\nr{number}\t{push} (push)\n")]);
        }
        let sorted = |text: &str| { let mut lines: Vec<_> = text.lines().map(str::to_owned).collect(); lines.sort(); lines };
        prop_assert_eq!(sorted(&ours), sorted(&theirs), "{}", text);
    }
}

fn prefix() -> impl Strategy<Value = &'static str> {
    select(vec!["gh:", "gh", "corp://", "corp://x/", "https://h/", "https://", "x:", "./w/", "w", ""])
}

#[test]
fn a_clone_is_about_the_repository_that_comes_about() {
    let testbed = Testbed::new(
        "[includeIf \"gitdir:~/Work/\"]\n path = inc\n[includeIf \"hasconfig:remote.*.url:gh:*\"]\n path = has\n",
    );
    testbed.write("inc", "[a]\n b = c\n");
    testbed.write("has", "[a]\n d = e\n");
    let env = Env::fixed(testbed.vars.iter().cloned(), testbed.home());
    let load = |root: &Path| {
        let repository = Repository::of_project(root).unwrap().with_remote("gh:iris");
        let config = GitConfig::load(&env, Some(&repository)).unwrap();
        [config.last("a", "b").is_some(), config.last("a", "d").is_some()]
    };
    assert_eq!(load(&testbed.home().join("Work/new")), [true, true]);
    assert_eq!(load(&testbed.home().join("new")), [false, true]);
    assert!(GitConfig::load(&env, None).unwrap().last("a", "b").is_none());
}
