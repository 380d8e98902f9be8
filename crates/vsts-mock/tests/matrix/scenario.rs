//! The scenarios, as tables: what a client does, in git's own words.
//!
//! A scenario runs once against vsts-mock and once against stock git's server side. What the client printed, which exit
//! codes it had, and the repositories on both ends have to be the same afterwards. In arguments `{url}` is the
//! repository's address, `{whole}` the folder with everything that is not pushed yet.

use Step::{Git, Say, Upstream};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The client runs git, and it has to go well.
    Git(&'static [&'static str]),
    /// The client runs git; its exit code and its words are compared.
    Say(&'static [&'static str]),
    /// Somebody else pushes this.
    Upstream(&'static [&'static str]),
}

/// A sequence of steps in one repository. The client's own repository, if there is one, is called `clone`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step],
}

const fn scenario(name: &'static str, steps: &'static [Step]) -> Scenario {
    Scenario { name, steps }
}

impl Scenario {
    /// The repository that it runs in: its own if it changes anything, else one that all share.
    pub(crate) fn repository(&self) -> &'static str {
        let changes = self.steps.iter().any(|step| match step {
            Upstream(_) => true,
            Git(args) | Say(args) => args.contains(&"push"),
        });
        if changes || self.name.starts_with("empty") { self.name } else { SHARED }
    }
}

/// The repository that scenarios without a change read.
pub(crate) const SHARED: &str = "shared";

/// The repositories that a table needs.
pub(crate) fn repositories(scenarios: &[Scenario]) -> Vec<&'static str> {
    let mut names = vec![SHARED];
    names.extend(scenarios.iter().map(Scenario::repository).filter(|&name| name != SHARED));
    names
}

/// One of each kind: what transports and versions frame in another way.
const ESSENTIAL: [&str; 16] = [
    "ls-remote",
    "clone",
    "clone-depth",
    "deepen",
    "deepen-what-is-whole",
    "unshallow",
    "blob-none",
    "fetch-after-a-change",
    "fetch-follows-tags",
    "push-create",
    "push-forced",
    "push-delete",
    "push-from-shallow-elsewhere",
    "push-atomic",
    "push-options",
    "push-many",
];

/// One of each kind of fetch and push.
pub(crate) fn essential() -> Vec<Scenario> {
    let all = FETCHING.iter().chain(PUSHING);
    let found: Vec<_> = all.filter(|scenario| ESSENTIAL.contains(&scenario.name)).copied().collect();
    assert_eq!(found.len(), ESSENTIAL.len(), "every name is one of a scenario");
    found
}

/// The 9th commit of master was made on this day.
const SINCE: &str = "--shallow-since=1500777600";

pub(crate) const FETCHING: &[Scenario] = &[
    scenario(
        "ls-remote",
        &[
            Say(&["ls-remote", "--symref", "{url}"]),
            Say(&["ls-remote", "--heads", "{url}", "s*"]),
            Say(&["ls-remote", "--tags", "{url}"]),
            Say(&["ls-remote", "--exit-code", "{url}", "refs/heads/nothing"]),
        ],
    ),
    scenario("clone", &[Git(&["clone", "-q", "{url}", "clone"])]),
    scenario("clone-mirror", &[Git(&["clone", "-q", "--mirror", "{url}", "clone"])]),
    scenario(
        "clone-single-branch",
        &[Git(&["clone", "-q", "--single-branch", "-b", "side", "{url}", "clone"])],
    ),
    scenario("clone-no-tags", &[Git(&["clone", "-q", "--no-tags", "{url}", "clone"])]),
    scenario("clone-at-a-tag", &[Git(&["clone", "-q", "-b", "v1", "{url}", "clone"])]),
    scenario("clone-depth", &[Git(&["clone", "-q", "--depth", "3", "{url}", "clone"])]),
    scenario(
        "clone-depth-of-all",
        &[Git(&["clone", "-q", "--no-single-branch", "--depth", "1", "{url}", "clone"])],
    ),
    scenario("clone-depth-beyond", &[Git(&["clone", "-q", "--depth", "1000", "{url}", "clone"])]),
    scenario("clone-since", &[Git(&["clone", "-q", SINCE, "{url}", "clone"])]),
    scenario("clone-since-nothing", &[Say(&["clone", "-q", "--shallow-since=2000000000", "{url}", "clone"])]),
    scenario("clone-exclude", &[Git(&["clone", "-q", "--shallow-exclude=v1", "{url}", "clone"])]),
    scenario(
        "deepen",
        &[
            Git(&["clone", "-q", "--depth", "1", "{url}", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=2"]),
            Git(&["-C", "clone", "fetch", "-q", "--depth=6"]),
            Git(&["-C", "clone", "fetch", "-q", SINCE]),
        ],
    ),
    scenario(
        "deepen-what-is-whole",
        &[
            Git(&["clone", "-q", "{url}", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=1"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=0"]),
            Say(&["-C", "clone", "rev-parse", "--is-shallow-repository"]),
        ],
    ),
    scenario(
        "deepen-beyond-the-root",
        &[
            Git(&["clone", "-q", "--depth", "2", "{url}", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=0"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=1000"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=1"]),
        ],
    ),
    scenario(
        "deepen-several-roots",
        &[
            Git(&["clone", "-q", "--no-single-branch", "--depth", "1", "{url}", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=1", "origin", "side"]),
            Git(&["-C", "clone", "fetch", "-q", "--deepen=2"]),
        ],
    ),
    scenario(
        "deepen-since",
        &[Git(&["clone", "-q", SINCE, "{url}", "clone"]), Git(&["-C", "clone", "fetch", "-q", "--deepen=2"])],
    ),
    scenario(
        "unshallow",
        &[
            Git(&["clone", "-q", "--depth", "2", "{url}", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "--unshallow"]),
        ],
    ),
    scenario(
        "shallow-then-fetch",
        &[
            Git(&["clone", "-q", "--depth", "1", "{url}", "clone"]),
            Upstream(&["refs/ahead/further:refs/heads/master"]),
            Git(&["-C", "clone", "fetch", "-q"]),
        ],
    ),
    scenario(
        "blob-none",
        &[
            Git(&["clone", "-q", "--no-checkout", "--filter=blob:none", "{url}", "clone"]),
            Say(&["-C", "clone", "cat-file", "-s", "HEAD:big.bin"]),
            Say(&["-C", "clone", "log", "--stat", "--format=%H", "-3"]),
            Git(&["-C", "clone", "checkout", "-q", "master"]),
        ],
    ),
    scenario(
        "blob-limit",
        &[
            Git(&["clone", "-q", "--no-checkout", "--filter=blob:limit=1k", "{url}", "clone"]),
            Say(&["-C", "clone", "cat-file", "-s", "HEAD~5:big.bin"]),
        ],
    ),
    scenario(
        "tree-0",
        &[
            Git(&["clone", "-q", "--no-checkout", "--filter=tree:0", "{url}", "clone"]),
            Say(&["-C", "clone", "ls-tree", "-r", "HEAD~2"]),
            Git(&["-C", "clone", "checkout", "-q", "v1"]),
        ],
    ),
    scenario(
        "blob-none-then-fetch",
        &[
            Git(&["clone", "-q", "--filter=blob:none", "{url}", "clone"]),
            Upstream(&["refs/ahead/next:refs/heads/master"]),
            Git(&["-C", "clone", "pull", "-q"]),
        ],
    ),
    scenario(
        "shallow-and-filtered",
        &[Git(&["clone", "-q", "--depth", "2", "--filter=blob:none", "{url}", "clone"])],
    ),
    scenario(
        "fetch-after-a-change",
        &[
            Git(&["clone", "-q", "{url}", "clone"]),
            Say(&["-C", "clone", "fetch", "--dry-run"]),
            Upstream(&["refs/ahead/next:refs/heads/master", "refs/ahead/sideways:refs/heads/side"]),
            Git(&["-C", "clone", "pull", "-q"]),
            Upstream(&["refs/ahead/further:refs/heads/master"]),
            Git(&["-C", "clone", "fetch", "-q"]),
        ],
    ),
    scenario(
        "fetch-follows-tags",
        &[
            Git(&["clone", "-q", "{url}", "clone"]),
            Upstream(&["refs/ahead/next:refs/heads/master", "refs/tags/later"]),
            Git(&["-C", "clone", "fetch", "-q"]),
        ],
    ),
    scenario(
        "fetch-tags",
        &[
            Git(&["clone", "-q", "--no-tags", "{url}", "clone"]),
            Upstream(&["refs/tags/later"]),
            Git(&["-C", "clone", "fetch", "-q", "--tags"]),
        ],
    ),
    scenario(
        "fetch-prune-and-rewritten",
        &[
            Git(&["clone", "-q", "{url}", "clone"]),
            Upstream(&[":refs/heads/side", "+refs/ahead/rewritten:refs/heads/master"]),
            Git(&["-C", "clone", "fetch", "-q", "--prune"]),
        ],
    ),
    scenario(
        "fetch-refs-elsewhere",
        &[
            Git(&["init", "-q", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "{url}", "refs/heads/*:refs/x/*", "refs/tags/v1:refs/x/v1"]),
            Git(&["-C", "clone", "fetch", "-q", "{url}", "refs/heads/master:refs/x/again"]),
        ],
    ),
    scenario(
        "fetch-by-id",
        &[
            Git(&["init", "-q", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "--no-tags", "{url}", "{early}:refs/heads/early"]),
        ],
    ),
    scenario(
        "fetch-what-is-not-there",
        &[Git(&["init", "-q", "clone"]), Say(&["-C", "clone", "fetch", "-q", "{url}", "refs/heads/nothing"])],
    ),
    scenario(
        "empty-clone",
        &[
            Git(&["clone", "-q", "{url}", "clone"]),
            Say(&["-C", "clone", "symbolic-ref", "HEAD"]),
            Say(&["ls-remote", "{url}"]),
        ],
    ),
];

/// A clone that has everything.
const CLONE: Step = Git(&["clone", "-q", "{url}", "clone"]);
const AHEAD: Step = Git(&["-C", "clone", "fetch", "-q", "--no-tags", "{whole}", "refs/ahead/*:refs/ahead/*"]);

macro_rules! push {
    ($($arg:literal),* $(,)?) => {
        Say(&["-C", "clone", "push", "--porcelain", $($arg),*])
    };
}

pub(crate) const PUSHING: &[Scenario] = &[
    scenario("push-create", &[CLONE, AHEAD, push!("origin", "refs/ahead/next:refs/heads/new/deep/er")]),
    scenario(
        "push-fast-forward",
        &[
            CLONE,
            AHEAD,
            push!("origin", "refs/ahead/next:refs/heads/master"),
            push!("origin", "refs/ahead/further:refs/heads/master"),
            push!("origin", "refs/ahead/further:refs/heads/master"),
        ],
    ),
    scenario(
        "push-forced",
        &[
            CLONE,
            AHEAD,
            push!("origin", "refs/ahead/rewritten:refs/heads/master"),
            push!("origin", "+refs/ahead/rewritten:refs/heads/master"),
            push!("--force-with-lease=side:refs/tags/v1", "origin", "refs/ahead/rewritten:refs/heads/side"),
        ],
    ),
    scenario(
        "push-delete",
        &[CLONE, push!("origin", ":refs/heads/side", ":refs/tags/v1"), push!("origin", ":refs/heads/master")],
    ),
    scenario(
        "push-behind",
        &[
            CLONE,
            AHEAD,
            Upstream(&["refs/ahead/next:refs/heads/master"]),
            push!("origin", "refs/ahead/rewritten:refs/heads/master", "refs/ahead/sideways:refs/heads/side"),
        ],
    ),
    scenario(
        "push-atomic",
        &[
            CLONE,
            AHEAD,
            push!(
                "--atomic",
                "origin",
                "refs/ahead/next:refs/heads/master",
                "refs/ahead/sideways:refs/heads/side"
            ),
            push!("--atomic", "origin", "refs/ahead/further:refs/heads/new", ":refs/heads/master"),
        ],
    ),
    scenario(
        "push-options",
        &[CLONE, AHEAD, push!("-o", "ci.skip", "-o", "a=b c", "origin", "refs/ahead/next:refs/heads/master")],
    ),
    scenario(
        "push-tags",
        &[
            CLONE,
            Git(&["-C", "clone", "fetch", "-q", "{whole}", "refs/tags/later:refs/tags/later"]),
            Git(&["-C", "clone", "tag", "plain", "v1^{}"]),
            push!("--tags", "origin"),
            push!("--follow-tags", "origin", "refs/tags/later^{}:refs/heads/tagged"),
        ],
    ),
    scenario(
        "push-many",
        &[
            CLONE,
            Git(&["-C", "clone", "fetch", "-q", "--no-tags", "{whole}", "refs/many/*:refs/many/*"]),
            push!("origin", "refs/many/*:refs/heads/many/*"),
            push!("--prune", "origin", "refs/none/*:refs/heads/many/*"),
        ],
    ),
    scenario(
        "push-conflict",
        &[
            CLONE,
            AHEAD,
            push!("origin", "refs/ahead/next:refs/heads/master/below", "refs/ahead/next:refs/heads/fine"),
        ],
    ),
    scenario(
        "push-from-shallow",
        &[
            Git(&["clone", "-q", "--depth", "2", "{url}", "clone"]),
            Git(&["-C", "clone", "commit", "-q", "--allow-empty", "-m", "on top"]),
            push!("origin", "master"),
        ],
    ),
    scenario(
        "push-from-shallow-elsewhere",
        &[
            Git(&["init", "-q", "elsewhere"]),
            Git(&["-C", "elsewhere", "commit", "-q", "--allow-empty", "-m", "one"]),
            Git(&["-C", "elsewhere", "commit", "-q", "--allow-empty", "-m", "two"]),
            Git(&["clone", "-q", "--no-local", "--depth", "1", "elsewhere", "clone"]),
            Git(&["-C", "clone", "fetch", "-q", "{url}", "refs/heads/master:refs/kept/master"]),
            push!("{url}", "HEAD:refs/heads/cut", "refs/kept/master:refs/heads/whole"),
        ],
    ),
    scenario(
        "push-from-partial",
        &[
            Git(&["clone", "-q", "--filter=blob:none", "{url}", "clone"]),
            Git(&["-C", "clone", "commit", "-q", "--allow-empty", "-m", "on top"]),
            push!("origin", "master"),
        ],
    ),
    scenario(
        "push-quiet-and-dry",
        &[
            CLONE,
            AHEAD,
            push!("--dry-run", "origin", "refs/ahead/next:refs/heads/master"),
            push!("-q", "origin", "refs/ahead/next:refs/heads/master"),
        ],
    ),
    scenario(
        "empty-push",
        &[
            CLONE,
            Git(&["-C", "clone", "fetch", "-q", "--no-tags", "{whole}", "refs/heads/*:refs/kept/*"]),
            push!("origin", "refs/kept/*:refs/heads/*"),
            Say(&["ls-remote", "--symref", "{url}"]),
        ],
    ),
];
