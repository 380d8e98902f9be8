//! The table of processes, read from `/proc`: identity of groups (numbers are given out again), signals that a process
//! ignores, and orphaned groups.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::process::{Pid, getpgrp, getsid, test_kill_process_group};

use crate::limits::ENVIRONMENT;

/// The start token of a process, which a later process of the same number does not have: its start, and the boot that
/// this is counted from.
pub fn start_token(pid: u32) -> Option<String> {
    let started = fields(&stat(pid)?)?.nth(START)?.to_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{started} {}", boot.trim()))
}

/// The index of the start in `/proc/<pid>/stat`, counted from the state.
const START: usize = 19;

/// Asks a process group to end.
pub fn end_group(group: u32) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
    }
}

/// Returns whether processes of a group still run whose leader had this start token.
///
/// A leader that has ended leaves its number to its group: nobody else gets it as long as a member is there.
pub fn still_runs(group: u32, leader: Option<&str>) -> bool {
    let boot = |start_token: &str| start_token.split_once(' ').map(|(_, boot)| boot.to_owned());
    let is_another = match (leader, start_token(group)) {
        (Some(then), Some(now)) => then != now,
        (Some(then), None) => {
            let now = start_token(std::process::id());
            now.is_some_and(|now| boot(then) != boot(&now))
        }
        (None, _) => false,
    };
    !is_another && is_alive(group)
}

/// Returns whether a process group has processes that have not ended.
pub fn is_alive(group: u32) -> bool {
    let exists = i32::try_from(group)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|group| test_kill_process_group(group).is_ok());
    // In a container nobody may collect orphans: the ended ones are still there, and do nothing.
    exists && has_running_member(group).unwrap_or(true)
}

/// Returns whether no process, ended or not, is in a group.
pub fn is_gone(group: Pid) -> bool {
    test_kill_process_group(group) == Err(rustix::io::Errno::SRCH)
}

/// Asks Linux's `/proc`; `None` where there is none.
fn has_running_member(group: u32) -> Option<bool> {
    let mut any = false;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        // A process that ends meanwhile has no file any more.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let mut fields = fields(&stat)?;
        let (state, member_of) = (fields.next()?, fields.nth(1)?);
        any |= member_of == group.to_string() && !matches!(state, "Z" | "X");
    }
    Some(any)
}

/// The set of signals that a process (or else this one) ignores; none, if that can't be known.
pub fn ignored_signals(pid: Option<u32>) -> u64 {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

/// Returns whether this process's group is orphaned, as POSIX has it: no member has a parent in another group of its session, a
/// shell that would continue it if it stopped.
pub fn is_orphaned_group() -> bool {
    let group = getpgrp().as_raw_nonzero().to_string();
    let Ok(session) = getsid(None).map(|session| session.as_raw_nonzero().to_string()) else { return true };
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(member) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some([parent, ..]) = family(&member).filter(|[_, member_of, _]| *member_of == group) else {
            continue;
        };
        let parent = parent.parse().ok().and_then(stat);
        if let Some([_, of_group, of_session]) = parent.as_deref().and_then(family)
            && of_session == session
            && of_group != group
        {
            return false;
        }
    }
    true
}

/// The number of processes that the kernel has killed for want of memory since it started, where it counts that.
pub fn out_of_memory_kills() -> Option<u64> {
    let counts = std::fs::read_to_string("/proc/vmstat").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
}

/// A process's parent, group and session.
fn family(stat: &str) -> Option<[&str; 3]> {
    let mut fields = fields(stat)?.skip(1);
    Some([fields.next()?, fields.next()?, fields.next()?])
}

/// The oldest leader of a process group whose environment, as it was started with, has this variable.
pub fn leader_with(variable: &str, value: &Path) -> Option<u32> {
    let mut wanted = [variable.as_bytes(), b"="].concat();
    wanted.extend_from_slice(value.as_os_str().as_bytes());
    let mut oldest: Option<(u64, u32)> = None;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        // Those of other users can't be read, nor those that end meanwhile.
        let Ok(file) = File::open(entry.path().join("environ")) else { continue };
        let mut environment = Vec::new();
        if file.take(ENVIRONMENT).read_to_end(&mut environment).is_err() {
            continue;
        }
        let has_it = environment.split(|byte| *byte == 0).any(|one| one == wanted);
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if has_it
            && let Some(stat) = stat(pid)
            && let Some([_, group, _]) = family(&stat)
            && group == pid.to_string()
            && let Some(started) = fields(&stat).and_then(|mut fields| fields.nth(START)?.parse().ok())
        {
            oldest = oldest.into_iter().chain([(started, pid)]).min();
        }
    }
    oldest.map(|(_, pid)| pid)
}

/// Returns whether a process has its current folder in `folder`: one that the script started, and that left its group, may still
/// write there.
pub fn works_in(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .any(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder)))
}

fn stat(pid: u32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// `pid (name) state parent group …` from the state on; the name may hold anything.
fn fields(stat: &str) -> Option<std::str::Split<'_, char>> {
    Some(stat.rsplit(") ").next()?.split(' '))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_group_runs_until_it_ends_and_a_later_one_of_its_number_is_another() {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).process_group(0).spawn().expect("cat starts");
        let pid = child.id();
        let then = start_token(pid).expect("/proc tells when a process began");
        assert!(still_runs(pid, Some(&then)));
        assert!(still_runs(pid, None));
        let (start, boot) = then.split_once(' ').expect("two words");
        let earlier = start.parse::<u64>().expect("a number") - 1;
        assert!(!still_runs(pid, Some(&format!("{earlier} {boot}"))), "another process had the number");
        assert!(!still_runs(pid, Some(&format!("{start} another-boot"))));
        drop(child.stdin.take());
        child.wait().expect("cat ends");
        assert!(!still_runs(pid, Some(&then)));
    }

    #[test]
    fn a_script_is_found_by_a_variable_that_nobody_else_has() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(leader_with("AZML_TEST", folder.path()), None);
        // Started by the script, with the same variable.
        let mut child = Command::new("sh")
            .args(["-c", "cat; true"])
            .env("AZML_TEST", folder.path())
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh starts");
        assert_eq!(leader_with("AZML_TEST", folder.path()), Some(child.id()));
        assert_eq!(leader_with("AZML_TEST", &folder.path().join("x")), None);
        drop(child.stdin.take());
        child.wait().expect("sh ends");
        assert_eq!(leader_with("AZML_TEST", folder.path()), None);
    }
}
