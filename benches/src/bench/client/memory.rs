//! Measures the most memory that azml takes: a hundred thousand files, and one large file, there and back.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::report::Report;
use super::side::{Side, Testbed};
use super::{Effort, folder, ours::Azml};
use crate::Outcome;

/// The target.
const MOST: u64 = 150_000_000;

pub(super) fn measure(azml: &Path, effort: Effort, report: &mut Report) -> Outcome {
    let files = if effort.large < 1 << 30 { 2_000 } else { 100_000 };
    let testbed = Testbed::new(azml, files)?;
    let side = Azml::new(&testbed);
    let snapshot = ["project", "snapshot", "-o", "none", "--allow-large"];
    report.bytes(
        format!("memory, first snapshot of {files} files"),
        peak(&mut side.command(&snapshot))?,
        MOST,
    );
    report.bytes(format!("memory, {files} files unchanged"), peak(&mut side.command(&snapshot))?, MOST);
    drop(testbed);

    let testbed = Testbed::new(azml, 10)?;
    let side = Azml::new(&testbed);
    let path = side.folder().join("large.bin");
    write_large(&path, effort.large)?;
    let gigabytes = format!("one file of {} MB", effort.large / 1_000_000);
    report.bytes(format!("memory, snapshot of {gigabytes}"), peak(&mut side.command(&snapshot))?, MOST);
    let run = side.mark()?;
    std::fs::remove_file(&path)?;
    let restore = ["project", "restore", "--run-id", run.as_str(), "-o", "none"];
    report.bytes(format!("memory, restore of {gigabytes}"), peak(&mut side.command(&restore))?, MOST);
    if path.metadata()?.len() != effort.large {
        return Err("the large file did not come back".into());
    }
    folder::clear(side.folder())
}

/// Half of it compresses.
pub(in crate::bench) fn write_large(path: &Path, size: u64) -> Outcome {
    let mut file = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    let mut seed = 1_u64;
    let mut written = 0;
    while written < size {
        let mut block = Vec::with_capacity(64 << 10);
        while block.len() < 32 << 10 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            block.extend_from_slice(&seed.to_be_bytes());
        }
        block.resize(64 << 10, b'x');
        file.write_all(&block)?;
        written += block.len() as u64;
    }
    file.flush()?;
    Ok(())
}

/// Runs it to its end, looking again and again at the most memory that it has had.
fn peak(command: &mut Command) -> Outcome<u64> {
    use std::process::Stdio;
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        if let Some(kilobytes) = std::fs::read_to_string(&status).ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        }) {
            most = kilobytes * 1024;
        }
        if let Some(end) = child.try_wait()? {
            return if end.success() { Ok(most) } else { Err(format!("azml ended with {end}").into()) };
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
