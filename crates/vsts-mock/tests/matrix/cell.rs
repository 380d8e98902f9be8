//! One client, one transport, one version of the protocol, a table of scenarios; and what both ends look like afterwards.

use std::fmt::Write as _;
use std::path::Path;

use crate::differences;
use crate::git::Git;
use crate::scenario::{SHARED, Scenario, Step, repositories};
use crate::site::{Oracle, Site, Transport, Who};

/// The result of a scenario, line by line.
type Transcript = Vec<String>;

/// Runs a table through a transport, and beside it against stock git's server side; tells every scenario that differs.
pub(crate) fn run(program: &Path, transport: Transport, version: u8, scenarios: &[Scenario]) {
    let names = repositories(scenarios);
    let site = Site::start(&names);
    // Of HTTP stock git's own HTTP server is the oracle, of SSH its processes are.
    let oracle = Oracle::start(site.dir(), &site.fixture, &names, transport != Transport::Ssh);
    let set = |git: Git| git.program(program).set(format!("protocol.version={version}"));
    let mut wrong = Vec::new();
    for scenario in scenarios {
        let repository = scenario.repository();
        let dir = |side: &str| {
            let dir = site.dir().join(format!("{}-{side}", scenario.name));
            std::fs::create_dir(&dir).expect("a folder");
            dir
        };
        let ours = Side {
            git: set(site.git(&dir("ours"), transport, Who::Alice)),
            url: site.url(transport, repository),
            folder: site.folder(repository),
            site: &site,
        };
        let theirs = Side {
            git: set(Git::new(&dir("theirs"))),
            url: oracle.url(repository),
            folder: &oracle.folder(repository),
            site: &site,
        };
        let (found, expected) = (ours.play(scenario), theirs.play(scenario));
        let (found, expected) = (differences::apply(found), differences::apply(expected));
        if found != expected {
            wrong.push(format!("{}:\n{}", scenario.name, diff(&found, &expected)));
        }
    }
    assert!(wrong.is_empty(), "not as stock git does it:\n\n{}", wrong.join("\n\n"));
}

/// One of the two servers on which a scenario is played.
struct Side<'s> {
    git: Git,
    url: String,
    folder: &'s Path,
    site: &'s Site,
}

impl Side<'_> {
    fn play(&self, scenario: &Scenario) -> Transcript {
        let mut transcript = Vec::new();
        for step in scenario.steps {
            match step {
                Step::Git(args) => {
                    let output = self.git.run(&self.fill(args));
                    // A step that fails where it must not is a difference like any other: the table goes on.
                    if output.code != 0 {
                        transcript.push(format!("{args:?} failed: {}", self.plain(&output.err)));
                        return transcript;
                    }
                }
                Step::Say(args) => {
                    let output = self.git.run(&self.fill(args));
                    transcript.push(format!("{args:?}: exit code {}", output.code));
                    let mut lines: Vec<String> = self.plain(&output.out).lines().map(str::to_owned).collect();
                    if args.contains(&"push") {
                        lines.sort();
                    }
                    transcript.extend(lines);
                }
                Step::Upstream(refspecs) => {
                    let args = [&["push", "-q", &self.url], *refspecs].concat();
                    self.git.at(&self.site.fixture.whole).run(&args).ok();
                }
            }
        }
        let clone = self.git.dir().join("clone");
        if clone.exists() {
            self.look("client", &clone, &mut transcript);
        }
        if scenario.repository() != SHARED {
            self.look("server", self.folder, &mut transcript);
        }
        transcript
    }

    /// A repository's refs, what it holds, and whether it is sound.
    fn look(&self, end: &str, repository: &Path, transcript: &mut Transcript) {
        let git = Git::new(repository);
        let mut note = |what: &str, text: &str| {
            let lines = text.lines().filter(|line| !line.is_empty());
            transcript.extend(lines.map(|line| format!("{end} {what}: {}", self.plain(line))));
        };
        note("ref", &git.run(&["for-each-ref", "--format=%(objectname) %(refname) %(symref)"]).ok());
        let objects =
            git.run(&["rev-list", "--objects", "--all", "--missing=print", "--no-object-names"]).ok();
        let mut objects: Vec<&str> = objects.lines().collect();
        objects.sort_unstable();
        note("has", &objects.join("\n"));
        let fsck = git.run(&["fsck", "--strict", "--no-dangling", "--no-progress"]);
        note("fsck", &format!("exit code {}\n{}{}", fsck.code, fsck.out, fsck.err));
        for shallow in ["shallow", ".git/shallow"] {
            if let Ok(text) = std::fs::read_to_string(repository.join(shallow)) {
                let mut lines: Vec<&str> = text.lines().collect();
                lines.sort_unstable();
                note("shallow", &lines.join("\n"));
            }
        }
    }

    fn fill(&self, args: &[&str]) -> Vec<String> {
        let whole = self.site.fixture.whole.to_str().expect("UTF-8");
        let fill = |arg: &&str| {
            let arg = arg.replace("{url}", &self.url).replace("{whole}", whole);
            if arg.contains("{early}") { arg.replace("{early}", &self.site.early()) } else { arg }
        };
        args.iter().map(fill).collect()
    }

    fn plain(&self, text: &str) -> String {
        // A push tells where it went without the user's name.
        let lines = text.lines().map(|line| if line.starts_with("To ") { "To {url}" } else { line });
        lines.collect::<Vec<_>>().join("\n").replace(&self.url, "{url}").trim_end().to_owned()
    }
}

/// The lines that only one side has.
fn diff(found: &[String], expected: &[String]) -> String {
    let only = |these: &[String], those: &[String], sign: char| {
        let lines: Vec<_> = these
            .iter()
            .filter(|line| !those.contains(line))
            .map(|line| format!("  {sign} {line}"))
            .collect();
        let more = lines.len().saturating_sub(30);
        let mut shown = lines.into_iter().take(30).collect::<Vec<_>>().join("\n");
        if more > 0 {
            write!(shown, "\n  … and {more} more").expect("a String takes all");
        }
        shown
    };
    let lines = [only(found, expected, '+'), only(expected, found, '-')].join("\n");
    if lines.trim().is_empty() { format!("in another order: {found:?} and not {expected:?}") } else { lines }
}
