//! The history that every scenario begins with, the same bytes wherever it is made.
//!
//! `fixture.git` has it all; `base.git` is what servers start with: without what only a later push brings, which stands
//! below `refs/ahead/` and `refs/many/`, and the tag `later`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::git::Git;

/// So many commits are on master.
const COMMITS: usize = 12;
/// So many refs are pushed at once.
pub(crate) const MANY: usize = 300;
/// When the first commit was made; one follows each day.
const START: usize = 1_500_000_000;

/// The repositories that tests begin with.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// Everything.
    pub(crate) whole: PathBuf,
    /// The repository that a server begins with.
    pub(crate) base: PathBuf,
}

/// Makes them in a folder.
pub(crate) fn make(dir: &Path) -> Fixture {
    let git = Git::new(dir);
    git.run(&["init", "-q", "--bare", "fixture.git"]).ok();
    let whole = dir.join("fixture.git");
    git.at(&whole).with_input(&["fast-import", "--quiet"], stream().as_bytes()).ok();
    git.run(&["init", "-q", "--bare", "base.git"]).ok();
    let wanted =
        ["refs/heads/*:refs/heads/*", "refs/tags/v1:refs/tags/v1", "refs/tags/light:refs/tags/light"];
    git.at(&dir.join("base.git"))
        .run(&[&["fetch", "-q", "--no-tags", "../fixture.git"], &wanted[..]].concat())
        .ok();
    Fixture { whole, base: dir.join("base.git") }
}

/// The day on which a commit was made.
pub(crate) fn day(commit: usize) -> usize {
    START + commit * 86_400
}

fn noise(seed: usize) -> String {
    let mut state = u32::try_from(seed).unwrap_or(1).wrapping_mul(2_654_435_761) | 1;
    let mut text = String::new();
    for _ in 0..600 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let _written = writeln!(text, "{state:08x}");
    }
    text
}

struct Stream(String);

impl Stream {
    fn commit(&mut self, mark: usize, on: &str, number: usize, parents: &[usize], files: &[(&str, String)]) {
        let who = format!("A U Thor <author@example.com> {} +0000", day(number));
        let message = format!("commit {mark}\n");
        let _written = write!(
            self.0,
            "commit {on}\nmark :{mark}\nauthor {who}\ncommitter {who}\ndata {}\n{message}",
            message.len()
        );
        for (n, parent) in parents.iter().enumerate() {
            let _written = writeln!(self.0, "{} :{parent}", if n == 0 { "from" } else { "merge" });
        }
        for (path, content) in files {
            let _written = write!(self.0, "M 100644 inline {path}\ndata {}\n{content}\n", content.len());
        }
        self.0.push('\n');
    }

    fn tag(&mut self, name: &str, commit: usize) {
        let who = format!("A U Thor <author@example.com> {} +0000", day(commit));
        let _written = write!(self.0, "tag {name}\nfrom :{commit}\ntagger {who}\ndata 4\ntag\n\n");
    }

    fn reset(&mut self, name: &str, commit: usize) {
        let _written = write!(self.0, "reset {name}\nfrom :{commit}\n\n");
    }
}

fn stream() -> String {
    let mut stream = Stream(String::new());
    let small = |n: usize| format!("content of {n}\n");
    for n in 1..=COMMITS {
        let (mut parents, mut files) = (Vec::new(), vec![("top.txt", small(n))]);
        parents.extend((n > 1).then(|| n - 1));
        let path = format!("dir/sub-{}/file-{n}.txt", n % 3);
        files.push((path.as_str(), small(n * 7)));
        if n % 5 == 3 {
            files.push(("big.bin", noise(n)));
        }
        if n == 8 {
            parents.push(21);
        }
        stream.commit(n, "refs/heads/master", n, &parents, &files);
        if n == 4 {
            stream.commit(20, "refs/heads/side", n, &[4], &[("side.txt", small(20))]);
            stream.commit(21, "refs/heads/side", n + 1, &[20], &[("side.txt", small(21))]);
        }
    }
    stream.tag("v1", 5);
    stream.reset("refs/tags/light", 9);
    stream.commit(30, "refs/ahead/next", 13, &[COMMITS], &[("top.txt", small(30)), ("new.bin", noise(30))]);
    stream.commit(31, "refs/ahead/further", 14, &[30], &[("dir/sub-0/deep/er.txt", small(31))]);
    stream.commit(32, "refs/ahead/rewritten", 13, &[COMMITS - 1], &[("top.txt", small(32))]);
    stream.commit(33, "refs/ahead/sideways", 14, &[21], &[("side.txt", small(33))]);
    stream.tag("later", 30);
    for n in 0..MANY {
        stream.reset(&format!("refs/many/{n:03}"), 1 + n % COMMITS);
    }
    stream.0
}
