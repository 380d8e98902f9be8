//! Long histories: listing runs, and whether the last of many runs is as quick as one of the first.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::super::median;
use super::report::{Goal, Report};
use super::side::{Side, Testbed, clock, command, turns};
use super::{Effort, ours::Azml};
use crate::Outcome;

/// Real snapshots and runs on top of those that were written at once: the history is not freshly packed.
const ON_TOP: usize = 40;
/// Parameters and metrics of a run that has many.
const RICH: usize = 50;

pub(super) fn measure(
    azml: &Path,
    wants: &dyn Fn(&str) -> bool,
    effort: Effort,
    report: &mut Report,
) -> Outcome {
    let short = history(azml, 10)?;
    let middle = history(azml, effort.runs / 10)?;
    let long = history(azml, effort.runs)?;
    let testbeds = [&long, &middle, &short].map(|testbed| (testbed.files, Azml::new(testbed)));
    let list = |number: usize| {
        let (_, side) = &testbeds[number];
        clock(&mut side.command(&["history", "list", "-o", "table"]))
    };
    if wants("list") {
        let times = turns(2, effort.many, |number, _| list(number))?;
        for (number, time) in times.into_iter().enumerate() {
            let limit = Duration::from_millis(60);
            let work = format!("list of {} runs", [effort.runs, effort.runs / 10][number]);
            report.times(work, vec![("azml", time)], &[Goal::AtMost(limit)]);
        }
    }
    if wants("many") {
        let newest = |number: usize| {
            let (_, side) = &testbeds[number];
            clock(&mut side.command(&["history", "list", "--last", "20", "-o", "table"]))
        };
        type Work<'a> = (&'a str, Box<dyn Fn(usize) -> Outcome<Duration> + 'a>);
        let works: [Work<'_>; 4] = [
            ("snapshot, unchanged", Box::new(|n| testbeds[n].1.snapshot())),
            (
                "snapshot, one file changed",
                Box::new(|n| {
                    super::folder::edit(testbeds[n].1.folder(), testbeds[n].0, 1, "many")?;
                    testbeds[n].1.snapshot()
                }),
            ),
            ("submit", Box::new(|n| testbeds[n].1.submit().ok_or("azml runs scripts")?)),
            ("list of the newest 20", Box::new(newest)),
        ];
        for (work, act) in &works {
            let times = turns(2, effort.many, |place, _| act(place * 2))?;
            // The tenth run stands in the floor's column: it is what the ten-thousandth is measured by.
            let times = vec![("azml", times[0]), ("floor", times[1])];
            report.times(
                format!("run {} beside run 10 (as floor): {work}", effort.runs),
                times,
                &[Goal::Times(1.2, "floor")],
            );
        }
    }
    Ok(())
}

/// Ten times as many runs, of which one in ten has many parameters and metrics.
pub(super) fn scale(azml: &Path, effort: Effort, report: &mut Report) -> Outcome {
    let runs = 10 * effort.runs;
    let testbed = Testbed::new(azml, 200)?;
    let side = Azml::new(&testbed);
    side.mark()?;
    import(&testbed, &side.folder().join(".azuremlhistory_git"), runs - 1, 10)?;
    let sorted = "reverse(sort_by([?\"metric 07\"], &\"metric 07\"))[:50].[run_id, \"metric 07\"]";
    let works: [(&str, &[&str], u64); 6] = [
        ("the first list of all", &["history", "list", "--status", "Canceled", "-o", "none"], 60_000),
        ("the newest 50", &["history", "list", "--last", "50", "-o", "table"], 30),
        (
            "those that failed, the 50 best by a metric",
            &["history", "list", "--status", "Failed", "--query", sorted, "-o", "tsv"],
            200,
        ),
        ("those that were canceled", &["history", "list", "--status", "Canceled", "-o", "table"], 200),
        ("all as JSON", &["history", "list", "-o", "json"], 2_000),
        ("all as a table of every metric and parameter", &["history", "list", "-o", "table"], 5_000),
    ];
    for (work, args, limit) in works {
        let times: Vec<Duration> = if limit > 10_000 {
            vec![clock(&mut side.command(args))?]
        } else {
            (0..effort.many).map(|_| clock(&mut side.command(args))).collect::<Outcome<_>>()?
        };
        let goal = Goal::AtMost(Duration::from_millis(limit));
        report.times(format!("{runs} runs: {work}"), vec![("azml", median(times))], &[goal]);
    }
    // A run beside the tenth of another project, in turns: a busy disk slows both.
    let short = history(azml, 10)?;
    let sides = [&side, &Azml::new(&short)];
    let times = turns(2, effort.many, |number, _| sides[number].submit().ok_or("azml runs scripts")?)?;
    let times = vec![("azml", times[0]), ("floor", times[1])];
    let work = format!("{runs} runs: one more, beside run 10 (as floor)");
    report.times(work, times, &[Goal::Times(1.2, "floor")]);
    Ok(())
}

/// A project of 200 files with this many runs, each with a snapshot of its own.
fn history(azml: &Path, runs: usize) -> Outcome<Testbed> {
    let testbed = Testbed::new(azml, 200)?;
    let side = Azml::new(&testbed);
    side.mark()?;
    let dir = side.folder().join(".azuremlhistory_git");
    let written = runs.saturating_sub(ON_TOP.min(runs / 2) + 1);
    if written > 0 {
        import(&testbed, &dir, written, 0)?;
    }
    for run in written + 1..runs {
        super::folder::edit(side.folder(), 200, 1, &format!("run {run}"))?;
        side.submit().ok_or("azml runs scripts")??;
    }
    Ok(testbed)
}

/// Writes runs behind the first by `git fast-import`, in the form that azml itself writes.
///
/// One run in `rich_share` has [`RICH`] parameters and metrics; none, if it is 0.
fn import(testbed: &Testbed, dir: &Path, runs: usize, rich_share: usize) -> Outcome {
    let git = |args: &[&str]| {
        let mut git = command(Path::new("git"), dir, testbed.home());
        git.env("GIT_DIR", dir).args(args);
        crate::process::capture(&mut git).map(|out| String::from_utf8_lossy(&out).trim().to_owned())
    };
    let refs = git(&["for-each-ref", "--format=%(refname)"])?;
    let find = |part: &str| refs.lines().find(|name| name.contains(part)).ok_or("azml made no run");
    let (branch, records) = (find("heads/AzureMLHistory/")?, find("azureml/runs/")?);
    let path = git(&["ls-tree", "-r", "--name-only", records])?;
    let record: serde_json::Value =
        serde_json::from_str(&git(&["cat-file", "blob", &format!("{records}:{path}")])?)?;
    let first = record["run_id"].as_str().ok_or("a record has an id")?.to_owned();
    let (name, ms) = first.rsplit_once('_').ok_or("an id ends in a time")?;
    let start: u64 = ms.parse::<u64>()? - 1_000 * (runs as u64 + 10);

    let mut import = command(Path::new("git"), dir, testbed.home())
        .env("GIT_DIR", dir)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut out = std::io::BufWriter::new(import.stdin.take().ok_or("fast-import reads")?);
    for run in 0..runs {
        let second = start / 1_000 + run as u64;
        let id = format!("{name}_{}", start + 1_000 * run as u64);
        let at = format!("{:013}", start + 1_000 * run as u64);
        write!(
            out,
            "commit {branch}\nmark :{}\ncommitter b <b@example.com> {second} +0000\ndata 2\ns\n",
            run + 1
        )?;
        if run == 0 {
            writeln!(out, "from {branch}^0")?;
        }
        let text = format!("changed = {run}\n").repeat(50);
        write!(out, "M 644 inline group00/part000/sub0/changed.py\ndata {}\n{text}\n", text.len())?;
        let mut record = record.clone();
        record["run_id"] = id.clone().into();
        record["run_number"] = (run + 2).into();
        record["metrics"] =
            serde_json::json!({"Accuracy": 0.5 + f64::from(u32::try_from(run)?) / 1e5, "Rate": 0.01});
        if rich_share > 0 && run % rich_share == 0 {
            for number in 0..RICH {
                let value = f64::from(u32::try_from((run + 7 * number) % 1009)?) / 1009.0;
                record["metrics"][format!("metric {number:02}")] = value.into();
                record["parameters"][format!("parameter {number:02}")] = value.to_string().into();
            }
        }
        record["status"] = if run % 13 == 0 { "Failed" } else { "Completed" }.into();
        let json = serde_json::to_string_pretty(&record)?;
        let mut message = String::new();
        write!(message, "{id}: Completed\n\nRuns: {}\nLast-Run-Number: {}\n", run + 2, run + 2)?;
        write!(
            out,
            "commit {records}\ncommitter b <b@example.com> {second} +0000\ndata {}\n{message}\n",
            message.len()
        )?;
        if run == 0 {
            writeln!(out, "from {records}^0")?;
        }
        let place = format!("v1/{}/{}/{}/{}/{id}.json", &at[..4], &at[4..6], &at[6..8], &at[8..10]);
        write!(out, "M 644 inline {place}\ndata {}\n{json}\n", json.len())?;
    }
    out.flush()?;
    drop(out);
    let end = import.wait()?;
    if end.success() { Ok(()) } else { Err(format!("git fast-import ended with {end}").into()) }
}
