//! Small reading: refs, one commit, and the memory of many clients at once.

use super::clones::Large;
use super::packets::command;
use super::report::{Goal, Value};
use super::sides::{Side, agree};
use super::{Bench, CLIENTS};
use crate::Outcome;
use crate::bench::stock;
use crate::server::Server;
use crate::usage;

/// The most memory of a server beyond its packs.
const MEMORY: u64 = 150_000_000;
/// The clients that memory is measured with.
const MANY: usize = 64;

/// One request, repeated.
#[derive(Clone, Copy)]
struct Reading<'a> {
    repo: &'a str,
    body: &'a [u8],
    clients: usize,
    keep_alive: bool,
    goal: Goal,
}

impl Bench {
    pub(super) fn ls_refs(&mut self, ours: &Side) -> Outcome {
        let all = command("ls-refs", &["peel", "symrefs"]);
        let one = command("ls-refs", &["peel", "symrefs", "ref-prefix refs/heads/topic/00042"]);
        let refs = self.scale.refs;
        let rows = [
            ("ls-refs, tiny repository".to_owned(), "tiny", &all, 25.0),
            (format!("ls-refs, all of {refs} refs"), "refs", &all, 5.0),
            (format!("ls-refs, one prefix of {refs} refs"), "refs", &one, 25.0),
        ];
        for (work, repo, body, target) in rows {
            for clients in [1, CLIENTS, MANY] {
                let goal = if clients == CLIENTS { Goal::Times(target) } else { Goal::None };
                self.reading(&work, ours, &Reading { repo, body, clients, keep_alive: false, goal })?;
            }
        }
        let work = "ls-refs, tiny repository, connections kept";
        let row = Reading { repo: "tiny", body: &all, clients: CLIENTS, keep_alive: true, goal: Goal::None };
        self.reading(work, ours, &row)
    }

    /// One commit on top of what the client has.
    pub(super) fn fetch(&mut self, ours: &Side, large: &Large) -> Outcome {
        for (work, repo, target) in [
            ("tiny repository", "two", 15.0),
            ("real repository", "real", 10.0),
            ("branch of snapshots", "snap", 8.0),
        ] {
            let path = self.dir.join("repos").join(format!("{repo}.git"));
            let tip = stock::ask(&path, &["rev-parse", "master"])?;
            let parent = stock::ask(&path, &["rev-parse", "master~1"])?;
            let (want, have) = (format!("want {tip}"), format!("have {parent}"));
            let body = command("fetch", &["thin-pack", "ofs-delta", "no-progress", &want, &have, "done"]);
            for clients in [1, CLIENTS] {
                let goal = if clients == CLIENTS { Goal::Times(target) } else { Goal::None };
                let row = Reading { repo, body: &body, clients, keep_alive: false, goal };
                self.reading(&format!("fetch of one commit, {work}"), ours, &row)?;
            }
        }
        for (work, repo, goal) in
            [("branch of snapshots", "snap", Goal::Times(6.0)), ("real repository", "real", Goal::None)]
        {
            let tip = if repo == "snap" { &large.snap_tip } else { &large.real_tip };
            let body =
                command("fetch", &["ofs-delta", "no-progress", "deepen 1", &format!("want {tip}"), "done"]);
            let row = Reading { repo, body: &body, clients: 1, keep_alive: false, goal };
            self.reading(&format!("shallow clone, {work}"), ours, &row)?;
        }
        Ok(())
    }

    fn reading(&mut self, work: &str, ours: &Side, row: &Reading<'_>) -> Outcome {
        let Reading { repo, body, clients, keep_alive, goal } = *row;
        let theirs = self.theirs();
        let (ask_ours, ask_theirs) = (ours.ask(repo, body, keep_alive), theirs.ask(repo, body, keep_alive));
        if !keep_alive {
            agree(&ours.once(&ask_ours)?, &theirs.once(&ask_theirs)?)?;
        }
        let window = self.scale.window;
        let (ours, theirs) = self
            .in_turns(&mut || Ok(ours.load(&ask_ours, clients, window, keep_alive)?), &mut || {
                Ok(theirs.load(&ask_theirs, clients, window, keep_alive)?)
            })?;
        let plural = if clients == 1 { "client" } else { "clients" };
        self.report.push(format!("{work}, {clients} {plural}"), ours, theirs, goal);
        Ok(())
    }

    /// The memory that 64 clients cost who want all refs of many.
    pub(super) fn memory(&mut self, ours: &Side, server: &Server) -> Outcome {
        let body = command("ls-refs", &["peel", "symrefs"]);
        let (theirs, window) = (self.theirs(), self.scale.window);
        let ask = ours.ask("refs", &body, false);
        let (done, most) = usage::peak(&[server.id()], || ours.load(&ask, MANY, window, false));
        done?;
        let ask = theirs.ask("refs", &body, false);
        let roots = self.peer.roots();
        let (done, their_most) = usage::peak(&roots, || theirs.load(&ask, MANY, window, false));
        done?;
        let work = format!("memory beyond mapped files, {MANY} clients, all of {} refs", self.scale.refs);
        self.report.push(work, Value::Bytes(most), Value::Bytes(their_most), Goal::Bytes(MEMORY));
        Ok(())
    }
}
