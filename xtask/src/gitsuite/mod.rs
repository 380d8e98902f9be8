//! `cargo xtask gitsuite --git-source PATH [--rev REV] [SCRIPT…]`: git's own test suite against our server side.
//!
//! Git is built below `target/gitsuite/` from sources that are at PATH, a work tree or a repository. Then the programs that
//! serve, `git-upload-pack`, `git-receive-pack` and `git-http-backend`, are replaced by git-wire's example `git-server`: the
//! scripts run as they are, their client is git's own, and what it talks to is ours. Failures are compared with
//! `known.txt`, which gives the reason for each.

mod build;
mod known;
mod tap;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Outcome, process, workspace};
use known::Known;
use tap::Report;

/// The revision that the list of known failures is about.
const REV: &str = "v2.55.0";
const KNOWN: &str = include_str!("known.txt");
const USAGE: &str = "usage: cargo xtask gitsuite --git-source PATH [--rev REV] [SCRIPT…]";
/// The time limit of one script.
const MAX_SECONDS: &str = "1800";
/// Whom the scripts run as if we are root, under whom they skip much.
const NOBODY: &str = "65534";

/// The scripts about transfers: over HTTP, and over pipes.
const SCRIPTS: [&str; 18] = [
    "t5541", "t5551", "t5561", "t5539", "t5542", "t5500", "t5504", "t5510", "t5516", "t5533", "t5537",
    "t5538", "t5543", "t5545", "t5546", "t5700", "t5702", "t5703",
];

/// The settings of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Args {
    source: PathBuf,
    rev: Option<String>,
    scripts: Vec<String>,
}

/// Runs what the arguments say.
pub(crate) fn run(args: &[String]) -> Outcome {
    let args = parse(args)?;
    let known = known::parse(KNOWN)?;
    let git = build::git(&args.source, args.rev.as_deref())?;
    build::replace_servers(&git)?;
    let tests = git.join("t");
    let mut scripts = Vec::new();
    for name in &args.scripts {
        scripts.push(find_script(&tests, name)?);
    }
    let output = workspace::root().join("target/gitsuite/output");
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    fs::create_dir_all(&output)?;
    let reports = run_all(&tests, &scripts, &output)?;
    tell(&reports, &known)
}

fn parse(args: &[String]) -> Outcome<Args> {
    let (mut source, mut rev, mut scripts) = (None, None, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--git-source" => source = args.next().map(PathBuf::from),
            "--rev" => rev = Some(args.next().ok_or(USAGE)?.clone()),
            option if option.starts_with('-') => return Err(USAGE.into()),
            script => scripts.push(script.to_owned()),
        }
    }
    if scripts.is_empty() {
        scripts = SCRIPTS.map(str::to_owned).to_vec();
    }
    Ok(Args { source: source.ok_or(USAGE)?, rev, scripts })
}

/// The file name of the script that begins with `name`.
fn find_script(tests: &Path, name: &str) -> Outcome<String> {
    for entry in fs::read_dir(tests)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if let Some(stem) = file.strip_suffix(".sh")
            && (file == name || stem == name || stem.starts_with(&format!("{name}-")))
        {
            return Ok(file);
        }
    }
    Err(format!("git has no script called {name}").into())
}

/// Runs the scripts, as many at once as there are processors.
fn run_all(tests: &Path, scripts: &[String], output: &Path) -> Outcome<Vec<(String, Report)>> {
    let is_root = process::capture(Command::new("id").arg("-u"))? == b"0\n";
    if is_root {
        process::run(Command::new("chown").arg(NOBODY).arg(output))?;
    }
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    eprintln!("running {script}");
                    let report = run_script(tests, script, output, is_root);
                    reports.lock().expect("nobody panics while holding it").push((script.clone(), report));
                }
            });
        }
    });
    let reports = reports.into_inner().expect("all have ended");
    reports
        .into_iter()
        .map(|(script, report)| Ok((script, report.map_err(|error| error.to_string())?)))
        .collect()
}

fn run_script(tests: &Path, script: &str, output: &Path, is_root: bool) -> Result<Report, std::io::Error> {
    let mut command = Command::new(if is_root { "setpriv" } else { "env" });
    if is_root {
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "env"]);
    }
    command
        .args(["timeout", MAX_SECONDS, "sh", script, "--no-color"])
        .current_dir(tests)
        .env("TEST_OUTPUT_DIRECTORY", output)
        .env("GIT_TEST_HTTPD", "true")
        .env_remove("GIT_DIR");
    let said = command.output()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    fs::write(output.with_file_name(format!("{script}.out")), &said)?;
    Ok(tap::parse(&said))
}

/// Prints what came out; an error if it is not what the list says.
fn tell(reports: &[(String, Report)], known: &Known) -> Outcome {
    let mut problems = Vec::new();
    for (script, report) in reports {
        let [passed, failed, skipped] = report.counts();
        println!("{script}: {passed} passed, {failed} failed, {skipped} skipped");
        problems.extend(known.compare(script, report));
    }
    if problems.is_empty() {
        println!("every failure is on the list");
        return Ok(());
    }
    for problem in &problems {
        println!("{problem}");
    }
    Err(format!("{} differences from xtask/src/gitsuite/known.txt", problems.len()).into())
}

#[cfg(test)]
mod tests {
    use super::{SCRIPTS, parse};

    #[test]
    fn arguments_are_a_source_and_scripts() {
        let parse = |args: &[&str]| parse(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        let all = parse(&["--git-source", "/git", "--rev", "v1"]).expect("fine");
        assert_eq!((all.rev.as_deref(), all.scripts.len()), (Some("v1"), SCRIPTS.len()));
        assert_eq!(parse(&["t5500", "--git-source", "/git"]).expect("fine").scripts, ["t5500"]);
        for wrong in [&[][..], &["t5500"], &["--git-source"], &["--git-source", "/git", "--all"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
