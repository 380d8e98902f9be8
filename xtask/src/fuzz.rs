//! `cargo xtask fuzz [TARGET] [--seconds N]`: runs the fuzz targets of `fuzz/`, all or one, each for a minute unless
//! told otherwise, on the stable toolchain and without a sanitizer: there is no unsafe code to watch.
//!
//! Findings are written beside the seeds as `found-…`, where the normal tests run them from then on.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Outcome, process, workspace};

/// The version that is installed if there is none.
const CARGO_FUZZ: &str = "0.13.2";
/// The time that each target is run.
const SECONDS: u64 = 60;
/// The memory and the time of one input above which it is a finding.
const MAX_MEGABYTES: u32 = 2_048;
const MAX_SECONDS_EACH: u32 = 25;

/// Runs what the arguments say.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (only, seconds) = parse(args)?;
    let folder = workspace::root().join("fuzz");
    let mut targets = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets"))? {
        let path = entry?.path();
        targets.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    targets.sort_unstable();
    if let Some(only) = only {
        if !targets.iter().any(|target| target == only) {
            return Err(format!("no target is called `{only}`; there are {}", targets.join(", ")).into());
        }
        targets.retain(|target| target == only);
    }
    let tool = workspace::tool("cargo-fuzz", CARGO_FUZZ)?;
    let mut failed = Vec::new();
    for target in &targets {
        println!("=== {target}");
        if let Err(error) = fuzz(&tool, &folder, target, seconds) {
            eprintln!("error: {error}");
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("failed: {}; what was found is in fuzz/seeds/*/found-*", failed.join(", ")).into())
}

fn parse(args: &[String]) -> Outcome<(Option<&str>, u64)> {
    let (mut only, mut seconds) = (None, SECONDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            seconds = args.next().and_then(|value| value.parse().ok()).ok_or("--seconds takes a number")?;
        } else if arg.starts_with('-') || only.replace(arg.as_str()).is_some() {
            return Err("usage: cargo xtask fuzz [TARGET] [--seconds N]".into());
        }
    }
    Ok((only, seconds))
}

fn fuzz(tool: &Path, folder: &Path, target: &str, seconds: u64) -> Outcome {
    let output = workspace::root().join("target/fuzz");
    let corpus = output.join("corpus").join(target);
    let seeds = folder.join("seeds").join(target);
    fs::create_dir_all(&corpus)?;
    let mut command = Command::new(tool);
    command
        .current_dir(workspace::root())
        // Coverage needs no sanitizer, and so no nightly compiler.
        .args(["run", "--sanitizer", "none", "--fuzz-dir"])
        .arg(folder)
        .arg("--target-dir")
        .arg(&output)
        .arg(target)
        .arg(&corpus)
        .arg(&seeds)
        .arg("--")
        .arg(format!("-artifact_prefix={}/found-", seeds.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={MAX_MEGABYTES}"))
        .arg(format!("-timeout={MAX_SECONDS_EACH}"))
        .args(["-max_len=16384", "-print_final_stats=1", "-verbosity=0"]);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn arguments_are_a_target_and_seconds_in_any_order() {
        let parse = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            parse(&args).map(|(only, seconds)| (only.map(ToOwned::to_owned), seconds)).ok()
        };
        assert_eq!(parse(&[]), Some((None, 60)));
        assert_eq!(parse(&["--seconds", "5", "pack"]), Some((Some("pack".to_owned()), 5)));
        for wrong in [&["--seconds"][..], &["a", "b"], &["--all"], &["--seconds", "x"]] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
