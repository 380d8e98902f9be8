//! Whether a process group is still the one it was: numbers of processes are given out again.

use rustix::process::{Pid, test_kill_process_group};

/// What tells a process from a later one of the same number: its start, and the boot that this is counted from.
pub fn mark(pid: u32) -> Option<String> {
    let started = fields(&stat(pid)?)?.nth(START)?.to_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{started} {}", boot.trim()))
}

/// Where in `/proc/<pid>/stat` the start is, counted from the state.
const START: usize = 19;

/// Whether processes of a group still run that a process with this mark led.
///
/// A leader that has ended leaves its number to its group: nobody else gets it as long as a member is there.
pub fn still_runs(group: u32, marked: Option<&str>) -> bool {
    let boot = |mark: &str| mark.split_once(' ').map(|(_, boot)| boot.to_owned());
    let is_another = match (marked, mark(group)) {
        (Some(then), Some(now)) => then != now,
        (Some(then), None) => {
            let now = mark(std::process::id());
            now.is_some_and(|now| boot(then) != boot(&now))
        }
        (None, _) => false,
    };
    !is_another && is_alive(group)
}

/// Whether a process group has processes that have not ended.
pub fn is_alive(group: u32) -> bool {
    let exists = i32::try_from(group)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|group| test_kill_process_group(group).is_ok());
    // In a container nobody may collect orphans: the ended ones are still there, and do nothing.
    exists && has_running_member(group).unwrap_or(true)
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
        let then = mark(pid).expect("/proc tells when a process began");
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
}
