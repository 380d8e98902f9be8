//! Runs beyond this machine: the time from a submit to the first line of its script, in a folder of many files of which one was
//! changed; beside what people do by hand and by other programs. The engines and their machines are those of the tests.
//!
//! A further engine is a function beside [`slurm`], which [`measure`] names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use e2e::engines::{Containers, Host, RAY, Ray, Slurm};
use e2e::{Actor, Output, Sandbox, binaries};
use test_support::venv;

use super::report::{Goal, Report};
use super::{Effort, folder, side::turns};
use crate::{Outcome, machine, workspace};

/// The script: it makes a file, whose time is that of its beginning.
const SCRIPT: &str = "first_line.sh";
/// Members of the sweep, of which each does nothing.
const MEMBERS: usize = 200;
/// The longest time that anything here is waited for.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Time between two looks at whether something has come about.
const LOOK: Duration = Duration::from_millis(5);

/// An image with what the script needs.
const IMAGE: &str = "localhost/bench:1";
/// The files of the image, as an archive.
const IMAGE_FILES: &str = "at=$(mktemp -d); mkdir $at/bin $at/tmp; cp /bin/busybox $at/bin\n\
    ln -s busybox $at/bin/sh; tar -C $at -c .; rm -r $at";

/// The common ground of all engines: alice's project, whose script is on the machine of each engine by the same path.
struct Bed<'s> {
    sandbox: &'s Sandbox,
    alice: Actor<'s>,
    project: PathBuf,
    files: usize,
    /// The file that the script makes.
    stamp: PathBuf,
}

/// An engine, and the ways to it.
struct Engine {
    /// Its name, and that of its target.
    name: &'static str,
    /// The words of `azml computetarget attach` that follow; the first is the kind.
    attach: Vec<String>,
    /// Other ways: a column of the table, and lines of shell that give the script with the project's files to the engine. They
    /// start in the project.
    others: Vec<(&'static str, String)>,
    /// Lines of shell that wait until the engine is idle again.
    idle: &'static str,
}

pub(super) fn measure(
    azml: &Path,
    wants: &dyn Fn(&str) -> bool,
    effort: Effort,
    report: &mut Report,
) -> Outcome {
    machine::require_engines()?;
    machine::require_rsync()?;
    binaries::set_dir(azml.parent().ok_or("a program is in a folder")?);
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let cluster = Slurm::start(&sandbox, &host);
    cluster.share();
    let files = effort.sizes.iter().copied().find(|size| *size >= 2_000).unwrap_or(2_000);
    let bed = Bed::new(&sandbox, files)?;
    if wants("array") {
        bed.azml(&["computetarget", "attach", "slurm", "-n", "slurm", "--folder", &bed.place("shared")])?;
        sweep(&bed, report)?;
    }
    if !wants("engines") {
        return Ok(());
    }
    let containers = Containers::podman(&sandbox, &host);
    containers.import(IMAGE, IMAGE_FILES);
    containers.share();
    for engine in [ssh(&bed), slurm(&bed)?, podman(&bed)] {
        first_line(&bed, &engine, effort, report)?;
    }
    // Ray is the last: its cluster takes the machine's time even when it is idle.
    let cluster = Ray::start(&sandbox, &host, &workspace::root().join("target/tmp"));
    symlink(cluster.bin().join("ray"), sandbox.path().join("bin/ray"))?;
    host.lend_network("ray");
    first_line(&bed, &ray(), effort, report)
}

impl<'s> Bed<'s> {
    fn new(sandbox: &'s Sandbox, files: usize) -> Outcome<Self> {
        let (alice, project) = sandbox.project();
        folder::fill(&project, files)?;
        let stamp = sandbox.dir("stamps").join("stamp");
        // The programs of a small image know no parts of a second.
        fs::write(project.join(SCRIPT), format!("echo > {}\n", stamp.display()))?;
        Ok(Self { sandbox, alice, project, files, stamp })
    }

    fn azml(&self, words: &[&str]) -> Outcome<String> {
        done(self.alice.azml(&self.project, words))
    }

    fn sh(&self, script: &str) -> Outcome<String> {
        done(self.alice.sh(&self.project, script))
    }

    /// A folder of the sandbox, as a word of shell.
    fn place(&self, name: &str) -> String {
        self.sandbox.dir(name).display().to_string()
    }
}

/// The output of a command, which has to succeed.
fn done(output: Output) -> Outcome<String> {
    if output.code == Some(0) { Ok(output.stdout) } else { Err(output.to_string().into()) }
}

/// Waits until something is there.
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> Outcome<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return Ok(found);
        }
        if begun.elapsed() > TIMEOUT {
            return Err(format!("{what} did not come about").into());
        }
        sleep(LOOK);
    }
}

/// Measures the time to the script's first line, by azml and by the other ways in turn.
fn first_line(bed: &Bed<'_>, engine: &Engine, effort: Effort, report: &mut Report) -> Outcome {
    let (kind, more) = engine.attach.split_first().ok_or("an engine has a kind")?;
    let words = ["computetarget", "attach", kind, "-n", engine.name];
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    bed.azml(&[&words, &more[..]].concat())?;
    let sides: Vec<&str> =
        std::iter::once("azml").chain(engine.others.iter().map(|(side, _)| *side)).collect();
    let times = turns(sides.len(), effort.few.max(3), |side, turn| {
        folder::edit(&bed.project, bed.files, 1, &format!("{} {side} {turn}", engine.name))?;
        drop(fs::remove_file(&bed.stamp));
        let begun = SystemTime::now();
        match side.checked_sub(1).and_then(|other| engine.others.get(other)) {
            Some((_, script)) => bed.sh(script)?,
            None => bed.azml(&["experiment", "submit", "-c", engine.name, "--detach", SCRIPT])?,
        };
        let first = until("the script", || fs::metadata(&bed.stamp).ok()?.modified().ok())?;
        bed.sh(engine.idle)?;
        // Before the next one, azml takes in what this one left.
        bed.azml(&["history", "list", "-o", "none"])?;
        Ok(first.duration_since(begun)?)
    })?;
    let times: Vec<_> = sides.into_iter().zip(times).collect();
    report.times(
        format!(
            "{}: from submit to the script's first line, one of {} files changed",
            engine.name, bed.files
        ),
        times,
        &["rsync", "submitit", "ray job"].map(|side| Goal::Times(1.0 / 3.0, side)),
    );
    Ok(())
}

/// A computer by SSH, beside a copy by rsync and a command by ssh.
fn ssh(bed: &Bed<'_>) -> Engine {
    let azml = binaries::dir().join("azml").display().to_string();
    let rsync = format!(
        "rsync -a --delete --exclude .azuremlhistory_git ./ node1:{0}/ && ssh node1 'cd {0} && sh {SCRIPT}'",
        bed.place("copied-by-ssh")
    );
    Engine {
        name: "ssh",
        attach: ["ssh", "-a", "node1", "--azml", &azml].map(str::to_owned).to_vec(),
        others: vec![("rsync", rsync)],
        idle: "true",
    }
}

/// Containers of podman, beside one that has a copy of the folder by rsync, and one that has the folder itself.
fn podman(bed: &Bed<'_>) -> Engine {
    let stamps = bed.place("stamps");
    let run = |folder: &str| {
        format!("podman run --rm -v {folder}:{folder} -v {stamps}:{stamps} -w {folder} {IMAGE} sh {SCRIPT}")
    };
    let copied = bed.place("copied-for-podman");
    let rsync = format!("rsync -a --delete --exclude .azuremlhistory_git ./ {copied}/ && {}", run(&copied));
    let data = format!("stamps={stamps}");
    let attach = ["docker", "--runtime", "podman", "--image", IMAGE, "--data", &data];
    Engine {
        name: "podman",
        attach: attach.map(str::to_owned).to_vec(),
        others: vec![("rsync", rsync), ("podman run", run(&bed.project.display().to_string()))],
        idle: "true",
    }
}

/// A Ray cluster, beside its own command for jobs, which packs the folder.
fn ray() -> Engine {
    let job = format!(
        "ray job submit --address {RAY} --no-wait --working-dir . \
         --runtime-env-json '{{\"excludes\": [\".azuremlhistory_git\", \".git\"]}}' -- sh {SCRIPT} > /dev/null"
    );
    let attach = ["ray", "-a", RAY].map(str::to_owned).to_vec();
    Engine { name: "ray", attach, others: vec![("ray job", job)], idle: "true" }
}

/// Slurm, beside a copy by rsync that `sbatch` is pointed to, and submitit, whose own snapshots are copies by rsync too.
fn slurm(bed: &Bed<'_>) -> Outcome<Engine> {
    let python = venv::on_system(&workspace::root().join("target/bench/peers"), &["submitit==1.5.4"]);
    // It copies what Git tracks.
    let tracked = bed.place("tracked");
    let copy = format!(
        "rsync -a --delete --exclude .git --exclude .azureml --exclude .azuremlhistory_git ./ {tracked}/"
    );
    bed.sh(&format!("{copy}; cd {tracked}; git init -q; git add -A; git commit -q -m first"))?;
    let code = format!(
        "import os, subprocess, submitit\n\
         executor = submitit.SlurmExecutor(folder='{0}/logs')\n\
         executor.update_parameters(time=5, mem='200MB')\n\
         with submitit.helpers.RsyncSnapshot(snapshot_dir='{0}/snapshots/' + str(os.getpid()), root_dir='{tracked}'):\n    \
             executor.submit(subprocess.check_call, ['sh', '{SCRIPT}'])\n",
        bed.place("submitit")
    );
    let file = bed.sandbox.path().join("give.py");
    fs::write(&file, code)?;
    Ok(Engine {
        name: "slurm",
        attach: ["slurm", "--folder", &bed.place("shared")].map(str::to_owned).to_vec(),
        others: vec![
            (
                "rsync",
                format!(
                    "rsync -a --delete --exclude .azuremlhistory_git ./ {0}/; sbatch --parsable --export=NONE --mem=200M \
                     --output={0}.log --wrap 'cd {0} && sh {SCRIPT}'",
                    bed.place("copied")
                ),
            ),
            ("submitit", format!("{copy}; {} {}", python.join("bin/python").display(), file.display())),
        ],
        idle: "while [ -n \"$(squeue -h -t PD,R,CG)\" ]; do sleep 0.05; done",
    })
}

/// A sweep whose azml is gone: the next command takes in all members at once.
fn sweep(bed: &Bed<'_>, report: &mut Report) -> Outcome {
    let words = format!("n=1..{MEMBERS}");
    let words = ["sweep", "-c", "slurm", "--param", &words, "--shell", "true {n}"];
    let begun = Instant::now();
    let mut azml = bed.alice.spawn_azml(&bed.project, &words);
    // The array is there from one moment on.
    let queue = || bed.sh("squeue -h -a -t all -r -o %T").ok();
    let count = |text: &str| text.lines().count();
    let there = until("the array", || queue().filter(|found| count(found) >= MEMBERS));
    let submitted = begun.elapsed();
    let killed = azml.kill();
    azml.wait()?;
    killed.and(Ok(there?))?;
    bed.sh("while [ -n \"$(squeue -h -t PD,R,CG)\" ]; do sleep 0.2; done")?;
    let ran = begun.elapsed();
    let begun = Instant::now();
    bed.azml(&["history", "list", "-o", "none"])?;
    let folded = begun.elapsed();
    let completed = bed.azml(&[
        "history",
        "list",
        "--query",
        "length([?sweep_member && status=='Completed'])",
        "-o",
        "tsv",
    ])?;
    if completed.trim() != MEMBERS.to_string() {
        return Err(format!("{} of {MEMBERS} members have completed", completed.trim()).into());
    }
    report.times(
        format!("slurm: a sweep of {MEMBERS} runs that do nothing is one array"),
        vec![("azml", submitted)],
        &[],
    );
    report.times(format!("slurm: all {MEMBERS} have run, on two processors"), vec![("azml", ran)], &[]);
    let goal = Duration::from_millis(10) * u32::try_from(MEMBERS)?;
    report.times(
        format!("slurm: the records and logs of all {MEMBERS} are taken in"),
        vec![("azml", folded)],
        &[Goal::AtMost(goal)],
    );
    Ok(())
}
