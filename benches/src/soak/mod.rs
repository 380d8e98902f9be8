//! `cargo xtask soak [--minutes N] [--debug]`: 64 clients of all kinds, some of them hostile, against one server that is
//! killed and restarted under them. At the end everything that was acknowledged has to be there, nobody honest may have
//! failed while the server was up, and what the server uses has to be flat after its warm-up.

mod honest;
mod hostile;
mod latency;
mod ledger;
mod samples;
mod testbed;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use honest::{Client, Work};
use samples::{Sample, Trend};
use testbed::Testbed;

use crate::server::Server;
use crate::usage::Figures;
use crate::workspace::Purpose;
use crate::{Outcome, machine, process, workspace};

/// The length of a soak of which nothing else is said.
const MINUTES: f64 = 10.0;
/// The moments, as shares of the whole, at which the server is killed, and asked to stop. The rest is one life long.
const STOPS: [(f64, Stop); 3] = [(0.08, Stop::Kill), (0.16, Stop::Terminate), (0.24, Stop::Kill)];
/// The time between two readings of the server's figures.
const INTERVAL: Duration = Duration::from_millis(500);
/// The time limit for the server to close what the clients left, and to end when it is asked to.
const CALM: Duration = Duration::from_secs(90);
/// The longest that honest work may take, on two cores that 64 clients share.
const LONGEST: Duration = Duration::from_mins(3);
/// The growth that the figures of a life may have beside the factor: bytes, threads, descriptors.
const ALLOWANCE: Allowance = Allowance { anonymous: 24 << 20, threads: 24, descriptors: 64 };
/// The descriptors that may stay open beside those of the beginning when all clients have gone: pooled database
/// connections, packs that are kept open.
const LEFT_OPEN: u64 = 256;

/// The kinds of clients and their numbers: 64 in all.
const HONEST: &[(Work, usize)] = &[
    (Work::Clone, 8),
    (Work::Fetch, 8),
    (Work::Push, 12),
    (Work::SshFetch, 4),
    (Work::SshPush, 4),
    (Work::RestRead, 6),
    (Work::RestPush, 5),
    (Work::RestRepository, 3),
    (Work::Pages, 4),
];
const HOSTILE: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Kill,
    Terminate,
}

struct Allowance {
    anonymous: u64,
    threads: u64,
    descriptors: u64,
}

/// Runs what the arguments say.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (minutes, purpose) = parse(args)?;
    machine::require_git()?;
    let binaries = workspace::build_binaries(purpose)?;
    soak(&binaries.vsts_mock, Duration::from_secs_f64(minutes * 60.0))
}

fn parse(args: &[String]) -> Outcome<(f64, Purpose)> {
    let (mut minutes, mut purpose) = (MINUTES, Purpose::Bench);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--minutes" => {
                minutes =
                    args.next().and_then(|value| value.parse().ok()).ok_or("--minutes takes a number")?;
            }
            "--debug" => purpose = Purpose::Tests,
            _ => return Err("usage: cargo xtask soak [--minutes N] [--debug]".into()),
        }
    }
    if minutes.is_finite() && minutes >= 0.5 {
        Ok((minutes, purpose))
    } else {
        Err("a soak lasts half a minute at least".into())
    }
}

/// Loads the server for so long and judges what was seen.
fn soak(binary: &Path, length: Duration) -> Outcome {
    let base = workspace::root().join("target/soak");
    fs::create_dir_all(&base)?;
    let scratch = tempfile::Builder::new().prefix("run-").tempdir_in(&base)?;
    let testbed = Testbed::prepare(scratch.path(), binary)?;
    let mut faults = Vec::new();
    let (server, _) = testbed.start()?;
    let mut lives: Vec<Vec<Sample>> = Vec::new();
    println!(
        "{} clients for {:.1} minutes against {}",
        clients(),
        length.as_secs_f64() / 60.0,
        server.http()
    );
    let server = std::thread::scope(|scope| -> Outcome<Server> {
        let mut server = server;
        start_clients(scope, &testbed);
        // The clients end whatever happens here: the scope waits for them.
        let ending = EndOnDrop(&testbed);
        let begun = Instant::now();
        for stop in STOPS.iter().map(Some).chain([None]) {
            let until = stop.map_or(length, |(share, _)| length.mul_f64(*share));
            lives.push(watch(server.id(), begun, until)?);
            let Some((_, stop)) = stop else { break };
            testbed.take_down();
            match stop {
                Stop::Kill => drop(server),
                Stop::Terminate => faults.extend(terminate(server, CALM)?),
            }
            let (started, wrong) = testbed.start()?;
            println!("{:5.0} s: {stop:?}, started again", begun.elapsed().as_secs_f64());
            faults.extend(wrong);
            server = started;
        }
        drop(ending);
        Ok(server)
    })?;
    let left = calm(server.id(), lives.first().and_then(|life| life.first()))?;
    judge_life(
        lives.last().map_or(&[], Vec::as_slice),
        left,
        lives.first().and_then(|life| life.first()),
        &mut faults,
    );
    faults.extend(terminate(server, CALM)?);
    judge_disk(&testbed, &mut faults)?;
    // A last start: what was acknowledged until the end is there.
    let (server, wrong) = testbed.start()?;
    faults.extend(wrong);
    drop(server);
    judge_work(&testbed, &mut faults);
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        eprintln!("fault: {fault}");
    }
    let kept = scratch.keep();
    Err(format!("{} faults; what the server wrote is in {}", faults.len(), kept.display()).into())
}

/// Ends all clients when it goes.
struct EndOnDrop<'a>(&'a Testbed);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn clients() -> usize {
    HONEST.iter().map(|(_, number)| number).sum::<usize>() + HOSTILE
}

fn start_clients<'scope>(scope: &'scope std::thread::Scope<'scope, '_>, testbed: &'scope Testbed) {
    let kinds = HONEST.iter().flat_map(|(work, number)| std::iter::repeat_n(Some(*work), *number));
    for (number, kind) in kinds.chain(std::iter::repeat_n(None, HOSTILE)).enumerate() {
        scope.spawn(move || {
            let mut client = Client { testbed, number, round: 0 };
            while let Some(at) = testbed.endpoint() {
                let start = Instant::now();
                let (name, outcome) = match kind {
                    Some(work) => (work.name(), client.work(work, &at)),
                    None => hostile::attack(&at, client.round + number),
                };
                match outcome {
                    Ok(()) => testbed.latencies.done(name, start.elapsed()),
                    Err(_) if !testbed.is_same_life(&at) => testbed.latencies.interrupted(name),
                    Err(error) => testbed.latencies.failed(name, &error.to_string()),
                }
                client.round += 1;
            }
        });
    }
}

/// Reads the server's figures until so much time has passed since `begun`.
fn watch(pid: u32, begun: Instant, until: Duration) -> Outcome<Vec<Sample>> {
    let born = Instant::now();
    let mut samples = Vec::new();
    loop {
        let figures = Figures::of(pid).ok_or("the server has ended by itself")?;
        samples.push(Sample { age: born.elapsed(), figures });
        match until.checked_sub(begun.elapsed()) {
            Some(left) if !left.is_zero() => std::thread::sleep(left.min(INTERVAL)),
            _ => return Ok(samples),
        }
    }
}

/// Waits until the server has closed what the clients left; its figures then, or after a while.
fn calm(pid: u32, first: Option<&Sample>) -> Outcome<Figures> {
    let enough = first.map_or(0, |sample| sample.figures.descriptors) + LEFT_OPEN;
    let start = Instant::now();
    loop {
        let figures = Figures::of(pid).ok_or("the server has ended by itself")?;
        if figures.descriptors <= enough || start.elapsed() > CALM {
            return Ok(figures);
        }
        std::thread::sleep(INTERVAL);
    }
}

fn judge_life(samples: &[Sample], left: Figures, first: Option<&Sample>, faults: &mut Vec<String>) {
    type Figure = (&'static str, fn(&Figures) -> u64, u64, u64);
    let rows: [Figure; 3] = [
        ("memory, MB", |figures| figures.anonymous, ALLOWANCE.anonymous, 1 << 20),
        ("threads", |figures| figures.threads, ALLOWANCE.threads, 1),
        ("descriptors", |figures| figures.descriptors, ALLOWANCE.descriptors, 1),
    ];
    println!(
        "\n| the server's | after the warm-up | at the end | at most | when all had gone |\n| --- | ---: | ---: | ---: | ---: |"
    );
    for (name, figure, allowance, unit) in rows {
        let Some(trend) = Trend::of(samples, figure) else {
            faults.push(format!("{name}: too few samples to tell whether it is flat"));
            continue;
        };
        let [early, late, most, gone] =
            [trend.early, trend.late, trend.most, figure(&left)].map(|value| value / unit);
        println!("| {name} | {early} | {late} | {most} | {gone} |");
        if !trend.is_flat(allowance) {
            faults.push(format!("{name}: from {early} after the warm-up to {late} at the end"));
        }
    }
    let enough = first.map_or(0, |sample| sample.figures.descriptors) + LEFT_OPEN;
    if left.descriptors > enough {
        faults.push(format!("{} descriptors are open when all clients have gone", left.descriptors));
    }
}

fn judge_work(testbed: &Testbed, faults: &mut Vec<String>) {
    println!("\n{}", testbed.latencies);
    let (refs, repositories) = testbed.ledger.count();
    println!("{refs} refs and {repositories} new repositories were acknowledged, and are as they were");
    faults.extend(testbed.latencies.failures());
    faults.extend(testbed.latencies.never_done().iter().map(|work| format!("{work}: never done")));
    let longest = testbed.latencies.longest();
    if longest > LONGEST {
        faults.push(format!("something took {:.0} s", longest.as_secs_f64()));
    }
}

/// Stock git's opinion of every repository, and what was left behind in them.
fn judge_disk(testbed: &Testbed, faults: &mut Vec<String>) -> Outcome {
    for entry in fs::read_dir(testbed.dir.join("data/repos"))? {
        let path = entry?.path();
        let mut fsck = testbed.git(&path, 0);
        if let Err(error) =
            process::capture(fsck.args(["fsck", "--strict", "--no-dangling", "--no-progress"]))
        {
            faults.push(format!("{}: {error}", path.display()));
        }
        for left in fs::read_dir(path.join("objects"))? {
            let name = left?.file_name();
            if name.to_string_lossy().starts_with("tmp_") {
                faults.push(format!("{}: {} was left", path.display(), name.display()));
            }
        }
    }
    Ok(())
}

/// Sends the server `SIGTERM` and waits for its end; returns what was wrong about that.
fn terminate(mut server: Server, timeout: Duration) -> Outcome<Vec<String>> {
    let pid = rustix::process::Pid::from_raw(server.id().try_into()?).ok_or("the server has no process")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    let start = Instant::now();
    while start.elapsed() < timeout {
        if let Some(status) = server.ended()? {
            if status.success() {
                return Ok(Vec::new());
            }
            return Ok(vec![format!("asked to stop, the server ended with {status}")]);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(vec![format!("asked to stop, the server was there {} s later", timeout.as_secs())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_64_clients() {
        assert_eq!(clients(), 64);
    }

    #[test]
    fn arguments_are_minutes_and_the_build() {
        let parse = |args: &[&str]| parse(&args.iter().map(ToString::to_string).collect::<Vec<_>>()).ok();
        assert_eq!(parse(&[]), Some((10.0, Purpose::Bench)));
        assert_eq!(parse(&["--debug", "--minutes", "1"]), Some((1.0, Purpose::Tests)));
        for wrong in
            [&["--minutes"][..], &["--minutes", "x"], &["--minutes", "0"], &["--minutes", "NaN"], &["now"]]
        {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
