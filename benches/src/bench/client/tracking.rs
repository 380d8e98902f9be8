//! The cost of what a run logs and of a sweep, beside the programs that people use for it: MLflow, DVC and Guild AI.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::{median, timed};
use super::peer::peer;
use super::report::{Goal, Report};
use super::side::{Side, Testbed, clock, command};
use super::{Effort, ours::Azml};
use crate::{Outcome, machine, process};

/// Calls of which the middle is told.
const LOG: &str = "\
import time, statistics, mlflow
mlflow.start_run()
mlflow.log_metric('warm', 0)
times = []
for step in range(300):
    begin = time.perf_counter()
    mlflow.log_metric('loss', 1 / (step + 1), step=step)
    times.append(time.perf_counter() - begin)
print('us', int(statistics.median(times) * 1e6))
mlflow.end_run()
";
const FIT: &str = "\
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
mlflow.sklearn.autolog()
data = load_iris()
with mlflow.start_run():
    LogisticRegression(max_iter=200).fit(data.data, data.target)
";
/// Children of the sweep, of which each does nothing.
const CHILDREN: usize = 32;
/// Time that a tracking server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(3);

pub(super) fn measure(
    azml: &Path,
    wants: &dyn Fn(&str) -> bool,
    effort: Effort,
    report: &mut Report,
) -> Outcome {
    let testbed = Testbed::new(azml, 200)?;
    let side = Azml::new(&testbed);
    side.snapshot()?;
    if wants("mlflow") {
        match installed("mlflow", &["mlflow", "scikit-learn"]) {
            Ok(program) if effort.peers => tracking(&testbed, &side, &program, report)?,
            Ok(_) => {}
            Err(why) => report.note(format!("MLflow is not here: {why}")),
        }
    }
    if wants("sweep") {
        sweeps(&testbed, &side, effort, report)?;
    }
    Ok(())
}

/// A program of a Python package in an environment of its own.
fn installed(name: &str, packages: &[&str]) -> Outcome<PathBuf> {
    peer(&format!("{name}/bin/{name}"), |peers| {
        let venv = peers.join(name);
        process::run(Command::new(machine::python()?).args(["-m", "venv"]).arg(&venv))?;
        process::run(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(packages))
    })
}

/// A tracking server that is ended when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It starts workers, which end with their parent's group.
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["--", &group]).stderr(Stdio::null()).status());
        drop(self.0.wait());
    }
}

fn serve(program: &Path, home: &Path) -> Outcome<(Server, String, Duration)> {
    use std::os::unix::process::CommandExt as _;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let store = format!("sqlite:///{}", home.join("mlflow.db").display());
    let mut server = command(program, home, home);
    server.args(["server", "--backend-store-uri", &store, "--port", &port.to_string()]);
    let begin = Instant::now();
    let server = Server(server.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()?);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if begin.elapsed() > ANSWER_TIMEOUT {
            return Err("mlflow server does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok((server, format!("http://127.0.0.1:{port}"), begin.elapsed()))
}

fn tracking(testbed: &Testbed, side: &Azml<'_>, program: &Path, report: &mut Report) -> Outcome {
    let home = testbed.home();
    let python = program.with_file_name("python");
    for (name, script) in [("log.py", LOG), ("fit.py", FIT)] {
        fs::write(side.folder().join(name), script)?;
    }
    side.snapshot()?;
    let python_name = python.display().to_string();
    let ours = |script: &str| side.command(&["run", "--", &python_name, script]);
    let (server, url, started) = serve(program, home)?;
    let theirs = |script: &str, uri: &str| {
        let mut python = command(&python, side.folder(), home);
        python.env("MLFLOW_TRACKING_URI", uri).arg(script);
        python
    };
    let mut nothing = Vec::new();
    for _ in 0..3 {
        nothing.push(clock(&mut side.command(&["run", "--", "true"]))?);
    }
    report.times(
        "start of a tracking server; of azml, a whole run that does nothing",
        vec![("azml", median(nothing)), ("MLflow", started)],
        &[Goal::Times(1.0 / 20.0, "MLflow")],
    );
    let (mut our_calls, mut their_calls) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        our_calls.push(told(&mut ours("log.py"))?);
        their_calls.push(told(&mut theirs("log.py", &url))?);
    }
    drop(server);
    report.times(
        "mlflow.log_metric, a call; MLflow: a server with SQLite",
        vec![("azml", median(our_calls)), ("MLflow", median(their_calls))],
        &[Goal::Times(1.0 / 5.0, "MLflow")],
    );
    let (mut our_fits, mut their_fits) = (Vec::new(), Vec::new());
    let store = format!("sqlite:///{}", home.join("fit.db").display());
    for turn in 0..4 {
        let (ours, theirs) = (clock(&mut ours("fit.py"))?, clock(&mut theirs("fit.py", &store))?);
        // The first turn makes the database and compiles the packages.
        if turn > 0 {
            our_fits.push(ours);
            their_fits.push(theirs);
        }
    }
    report.times(
        "an autologged scikit-learn script; MLflow: into SQLite, without a server",
        vec![("azml", median(our_fits)), ("MLflow", median(their_fits))],
        &[],
    );
    Ok(())
}

/// The microseconds that a script prints.
fn told(command: &mut Command) -> Outcome<Duration> {
    let out = String::from_utf8_lossy(&process::capture(command)?).into_owned();
    let micros = out.lines().find_map(|line| line.strip_prefix("us ")?.trim().parse().ok());
    micros.map(Duration::from_micros).ok_or_else(|| format!("the script told no time: {out}").into())
}

fn sweeps(testbed: &Testbed, side: &Azml<'_>, effort: Effort, report: &mut Report) -> Outcome {
    let values = format!("n=1..{CHILDREN}");
    let args = ["sweep", "--param", &values, "-o", "none", "--", "true", "{n}"];
    let mut ours = Vec::new();
    for _ in 0..3 {
        ours.push(clock(&mut side.command(&args))?);
    }
    let mut times = vec![("azml", median(ours))];
    if effort.peers {
        match installed("dvc", &["dvc"]).and_then(|program| dvc(testbed, &program)) {
            Ok(time) => times.push(("DVC", time)),
            Err(why) => report.note(format!("no sweep with DVC: {why}")),
        }
        match installed("guild", &["guildai"]).and_then(|program| guild(testbed, &program)) {
            Ok(time) => times.push(("Guild", time)),
            Err(why) => report.note(format!("no sweep with Guild AI: {why}")),
        }
    }
    report.times(
        format!("sweep of {CHILDREN} runs that do nothing"),
        times,
        &[Goal::Times(1.0, "DVC"), Goal::Times(1.0, "Guild")],
    );
    Ok(())
}

/// Queues the experiments, each with its parameter, and runs them all.
fn dvc(testbed: &Testbed, program: &Path) -> Outcome<Duration> {
    let folder = testbed.home().join("dvc-sweep");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("params.yaml"), "n: 0\n")?;
    fs::write(folder.join("dvc.yaml"), "stages:\n  nothing:\n    cmd: \"true ${n}\"\n    params: [n]\n")?;
    // Its workers look for it there, and wait for ever for what they can't start.
    let path = path_with(program)?;
    let run = |program: &Path, args: &[&str]| {
        let mut command = command(program, &folder, testbed.home());
        process::capture(command.env("PATH", &path).env("DVC_NO_ANALYTICS", "1").args(args)).map(drop)
    };
    let git = Path::new("git");
    run(git, &["init", "--quiet"])?;
    run(program, &["init", "--quiet"])?;
    run(git, &["add", "-A"])?;
    run(git, &["commit", "--quiet", "-m", "first"])?;
    let values = format!("n=range(1,{})", CHILDREN + 1);
    let (time, ()) = timed(|| {
        run(program, &["exp", "run", "--quiet", "--queue", "-S", &values])?;
        run(program, &["exp", "run", "--quiet", "--run-all", "--jobs", "2"])
    })?;
    Ok(time)
}

fn guild(testbed: &Testbed, program: &Path) -> Outcome<Duration> {
    let folder = testbed.home().join("guild-sweep");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("nothing.py"), "n = 0\n")?;
    let values = format!("n=range[1:{CHILDREN}]");
    let mut run = command(program, &folder, testbed.home());
    clock(run.env("PATH", path_with(program)?).args(["run", "-y", "nothing.py", &values]))
}

/// The search path, with the folder of a program first.
fn path_with(program: &Path) -> Outcome<OsString> {
    let bin = program.parent().ok_or("a program is in a folder")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)))?)
}
