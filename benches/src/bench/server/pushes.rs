//! Pushes of one small commit: one after the other, many at once, and the last of a great many.

use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::http::{Sample, load, rate};
use super::packets::{Branch, id};
use super::report::{Goal, Value};
use super::sides::Side;
use super::{Bench, CLIENTS};
use crate::bench::{median, stock};
use crate::{Outcome, process};

/// So many pushes are looked at where one is spoken of.
const AROUND: usize = 21;

/// The branch that a client pushes to.
pub(super) fn branch(client: usize) -> String {
    format!("refs/heads/client{client:02}")
}

/// The repository that a client pushes to.
pub(super) fn repo(client: usize) -> String {
    format!("small{client:02}")
}

/// The repositories to which the clients of one side push; their branches have what was pushed so far.
struct Pushers<'a> {
    side: &'a Side,
    targets: Vec<(String, Mutex<Branch>)>,
}

impl Pushers<'_> {
    fn push(&self, client: usize) -> io::Result<()> {
        let (repo, branch) = &self.targets[client];
        let mut branch = branch.lock().map_err(|_| io::Error::other("a client panicked"))?;
        let body = branch.next();
        self.side.push_once(repo, &body)
    }

    fn load(&self, window: Duration) -> Outcome<Sample> {
        Ok(load(self.targets.len(), window, &|client| self.push(client))?)
    }
}

impl Bench {
    fn pushers<'a>(&self, side: &'a Side, targets: &[(String, String)]) -> Outcome<Pushers<'a>> {
        let targets = targets
            .iter()
            .map(|(repo, branch)| {
                let path = self.dir.join("repos").join(format!("{repo}.git"));
                let tip = id(&stock::ask(&path, &["rev-parse", "master"])?).ok_or("git prints ids")?;
                let tree = process::capture(stock::git(&path).args(["cat-file", "tree", "master^{tree}"]))?;
                Ok((repo.clone(), Mutex::new(Branch::new(branch.clone(), tip, tree))))
            })
            .collect::<Outcome<Vec<_>>>()?;
        Ok(Pushers { side, targets })
    }

    pub(super) fn push(&mut self, ours: &Side) -> Outcome {
        let theirs = self.theirs();
        let alone = vec![("many".to_owned(), "refs/heads/client00".to_owned())];
        let one: Vec<_> = (0..CLIENTS).map(|client| ("tiny".to_owned(), branch(client))).collect();
        let own: Vec<_> = (0..CLIENTS).map(|client| (repo(client), branch(0))).collect();
        let rows = [
            ("push of one small commit, 1 client", alone, 3.0),
            ("push, 16 clients to one repository", one, 4.0),
            ("push, 16 clients to 16 repositories", own, 4.0),
        ];
        for (work, targets, target) in rows {
            let (our, their) = (self.pushers(ours, &targets)?, self.pushers(&theirs, &targets)?);
            let window = self.scale.window;
            let (ours, theirs) = self.in_turns(&mut || our.load(window), &mut || their.load(window))?;
            let (ours, theirs) = match (targets.len(), ours, theirs) {
                (1, Value::Rate(ours), Value::Rate(theirs)) => {
                    (Value::Wall(ours.p50), Value::Wall(theirs.p50))
                }
                (_, ours, theirs) => (ours, theirs),
            };
            self.report.push(work, ours, theirs, Goal::Times(target));
        }
        Ok(())
    }

    /// One push after the other to one repository: the last ones against the tenth.
    pub(super) fn many_pushes(&mut self, ours: &Side) -> Outcome {
        let targets = [("many".to_owned(), "refs/heads/client01".to_owned())];
        let pushers = self.pushers(ours, &targets)?;
        let mut times = Vec::new();
        let start = Instant::now();
        for _ in 0..self.scale.pushes {
            let begin = Instant::now();
            pushers.push(0)?;
            times.push(begin.elapsed());
        }
        let rate = rate(times.len(), start.elapsed());
        let tenth = median(times[9..].iter().take(AROUND).copied().collect());
        let last = median(times.iter().rev().take(AROUND).copied().collect());
        let work = format!("push number {}, against the tenth to the same repository", times.len());
        self.report.push(work, Value::Wall(last), Value::Wall(tenth), Goal::AtMost(1.5));
        self.report.note(format!(
            "In the row of push number {}, the right side is vsts-mock's own tenth push (medians of {AROUND} around); all of \
             them went at {rate:.0} a second.",
            times.len()
        ));
        Ok(())
    }
}
