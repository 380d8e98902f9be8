//! Large work: the first push of a real repository, and clones of it, by a server that has just started and by one
//! that has not. Wall and processor time, and memory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::packets::{command, objects, objects_in, push};
use super::report::{Goal, Value};
use super::sides::Side;
use super::{Bench, copy};
use crate::bench::{median, stock};
use crate::server::Server;
use crate::usage;
use crate::{Outcome, process};

const NULL: &str = "0000000000000000000000000000000000000000";
/// Two times are enough to warm whatever a server keeps of a clone.
const WARMING: usize = 2;

/// The large repositories: where they are, and what is in them.
pub(super) struct Large {
    pub(super) real_tip: String,
    pub(super) snap_tip: String,
    /// Pushes of everything.
    real_push: Vec<u8>,
    snap_push: Vec<u8>,
    two_push: Vec<u8>,
    objects: u32,
    described: String,
}

/// The cost of one piece of large work.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

fn middle(costs: &[Cost]) -> Cost {
    Cost {
        wall: median(costs.iter().map(|cost| cost.wall).collect()),
        cpu: median(costs.iter().map(|cost| cost.cpu).collect()),
    }
}

impl Bench {
    fn repo(&self, name: &str) -> PathBuf {
        self.dir.join("repos").join(format!("{name}.git"))
    }

    /// The repositories from the cache, as copies for the peer, and the pushes that bring them to vsts-mock.
    pub(super) fn prepare_large(&mut self) -> Outcome<Large> {
        let scale = self.scale;
        let megabytes = scale.sources / 1_000_000;
        let real =
            stock::cached(&format!("real-{megabytes}.git"), |path| stock::crates(path, scale.sources))?;
        let bitmap = stock::cached(&format!("real-{megabytes}-bitmap.git"), |path| {
            std::fs::remove_dir(path)?;
            copy(&real, path)?;
            process::capture(stock::git(path).args(["repack", "-adbq", "--write-bitmap-index"])).map(drop)
        })?;
        let snap = stock::cached(&format!("snap-{}.git", scale.snapshots), |path| {
            stock::snapshots(path, scale.snapshots)
        })?;
        copy(&real, &self.repo("real"))?;
        copy(&bitmap, &self.repo("bitmap"))?;
        copy(&snap, &self.repo("snap"))?;
        let tiny = self.repo("two");
        stock::tiny(&tiny, &[])?;
        // The fetch of one commit needs two.
        let tree = stock::ask(&tiny, &["rev-parse", "master^{tree}"])?;
        let who = ["-c", "user.name=b", "-c", "user.email=b@example.com"];
        let mut commit = stock::git(&tiny);
        commit.args(who).args(["commit-tree", "-p", "master", "-m", "second", &tree]);
        let second = String::from_utf8(process::capture(&mut commit)?)?;
        process::capture(stock::git(&tiny).args(["update-ref", "refs/heads/master", second.trim()]))?;

        let everything = |name: &str| {
            let path = self.repo(name);
            let tip = stock::ask(&path, &["rev-parse", "master"])?;
            let script = "git rev-parse master | git pack-objects --revs --stdout -q --delta-base-offset";
            let pack = process::capture(&mut stock::git_shell(&path, script))?;
            Outcome::Ok((push(NULL, &tip, "refs/heads/master", &pack), tip, objects(&pack)))
        };
        let (real_push, real_tip, objects) = everything("real")?;
        let (snap_push, snap_tip, _) = everything("snap")?;
        let (two_push, _, _) = everything("two")?;
        let objects = objects.ok_or("git makes packs")?;
        let commits = stock::ask(&real, &["rev-list", "--count", "master"])?;
        let described = format!("{} MB, {commits} commits, {objects} objects", real_push.len() / 1_000_000);
        self.report.note(format!("The real repository is made of crates' sources: {described} in one pack."));
        Ok(Large { real_tip, snap_tip, real_push, snap_push, two_push, objects, described })
    }

    /// Starts vsts-mock on the large repositories; they are empty at first.
    pub(super) fn start_large(&self) -> Outcome<Server> {
        let repos = ["real", "snap", "two", "again"].map(|name| (name.to_owned(), None));
        self.start("large", &repos)
    }

    /// Pushes everything to empty repositories, and keeps a copy of vsts-mock's folder as it is then.
    pub(super) fn first_push(&mut self, large: &Large, rounds: usize, is_row: bool) -> Outcome {
        let server = self.start_large()?;
        let (ours, theirs) = (Self::ours(&server)?, self.theirs_timed());
        ours.push_once("snap", &large.snap_push)?;
        ours.push_once("two", &large.two_push)?;
        let (mut our_costs, mut their_costs) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let name = if round == 0 { "real" } else { "again" };
            let push = || Ok(ours.push_once(name, &large.real_push)?);
            our_costs.push(cost(push, || usage::cpu(&[server.id()]))?);
            if is_row {
                let name = format!("pushed{round}");
                let path = self.repo(&name);
                std::fs::create_dir_all(&path)?;
                process::capture(stock::git(&path).args(["init", "-q", "--bare", "-b", "master"]))?;
                process::capture(stock::git(&path).args(["config", "http.receivepack", "true"]))?;
                let push = || Ok(theirs.push_once(&name, &large.real_push)?);
                their_costs.push(cost(push, || self.peer.cpu())?);
            }
        }
        drop(server);
        copy(&self.dir.join("large"), &self.dir.join("pristine"))?;
        if is_row {
            let work = format!("first push of the real repository ({})", large.described);
            let (ours, theirs) = (middle(&our_costs), middle(&their_costs));
            self.large_row(&work, ours, theirs, Goal::Times(1.0), Goal::AtMost(1.3));
        }
        Ok(())
    }

    /// The first clone that a server which has just started is asked for.
    pub(super) fn cold_clone(&mut self, large: &Large) -> Outcome {
        let theirs = self.theirs_timed();
        let (mut our_costs, mut their_costs) = (Vec::new(), Vec::new());
        for _ in 0..self.scale.rounds {
            let (large_dir, kept) = (self.dir.join("large"), self.dir.join("kept"));
            std::fs::rename(&large_dir, &kept)?;
            copy(&self.dir.join("pristine"), &large_dir)?;
            let server = self.start_large()?;
            let ours = Self::ours(&server)?;
            our_costs.push(cost(|| clone(&ours, "real", large), || usage::cpu(&[server.id()]))?);
            drop(server);
            std::fs::remove_dir_all(&large_dir)?;
            std::fs::rename(&kept, &large_dir)?;
            their_costs.push(cost(|| clone(&theirs, "real", large), || self.peer.cpu())?);
        }
        let (ours, theirs) = (middle(&our_costs), middle(&their_costs));
        self.large_row("full clone, cold, no bitmaps", ours, theirs, Goal::Times(1.0), Goal::AtMost(1.3));
        Ok(())
    }

    /// Clones from a server that has been asked before, by git with and without reachability bitmaps.
    pub(super) fn clone(&mut self, ours: &Side, server: &Server, large: &Large) -> Outcome {
        let theirs = self.theirs_timed();
        for _ in 0..WARMING {
            clone(ours, "real", large)?;
        }
        let (mut our_costs, mut bitmap_costs, mut plain_costs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.scale.rounds {
            our_costs.push(cost(|| clone(ours, "real", large), || usage::cpu(&[server.id()]))?);
            bitmap_costs.push(cost(|| clone(&theirs, "bitmap", large), || self.peer.cpu())?);
            plain_costs.push(cost(|| clone(&theirs, "real", large), || self.peer.cpu())?);
        }
        let (ours_cost, bitmaps, plain) = (middle(&our_costs), middle(&bitmap_costs), middle(&plain_costs));
        self.large_row(
            "full clone, hot, git with bitmaps",
            ours_cost,
            bitmaps,
            Goal::Times(5.0),
            Goal::Times(10.0),
        );
        self.large_row("full clone, hot, git without bitmaps", ours_cost, plain, Goal::None, Goal::None);
        let (done, most) = usage::peak(&[server.id()], || clone(ours, "real", large));
        done?;
        let roots = self.peer.roots();
        let (done, their_most) = usage::peak(&roots, || clone(&theirs, "bitmap", large));
        done?;
        self.report.push(
            "full clone, memory beyond mapped files",
            Value::Bytes(most),
            Value::Bytes(their_most),
            Goal::None,
        );
        Ok(())
    }

    fn large_row(&mut self, work: &str, ours: Cost, theirs: Cost, wall: Goal, cpu: Goal) {
        self.report.push(format!("{work}: wall"), Value::Wall(ours.wall), Value::Wall(theirs.wall), wall);
        self.report.push(format!("{work}: server CPU"), Value::Cpu(ours.cpu), Value::Cpu(theirs.cpu), cpu);
    }
}

fn cost(work: impl FnOnce() -> Outcome, cpu: impl Fn() -> Duration) -> Outcome<Cost> {
    let (before, start) = (cpu(), Instant::now());
    work()?;
    let wall = start.elapsed();
    Ok(Cost { wall, cpu: cpu().saturating_sub(before) })
}

fn clone(side: &Side, repo: &str, large: &Large) -> Outcome {
    let want = format!("want {}", large.real_tip);
    let body = command("fetch", &["ofs-delta", "no-progress", &want, "done"]);
    let reply = side.once(&side.ask(repo, &body, false))?;
    match objects_in(&reply.begin) {
        Some(objects) if objects == large.objects => Ok(()),
        other => {
            Err(format!("a clone from {} has {other:?} objects and not {}", side.address, large.objects)
                .into())
        }
    }
}
