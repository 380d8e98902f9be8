//! One process group: started, its output streamed, cancelled as a whole.
//!
//! The script leads a group of its own, so that a cancel reaches everything it has started and a Ctrl-C in the
//! terminal reaches azml alone, which passes it on, unless the script has asked for the terminal
//! ([`super::terminal`]).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, never, select, unbounded};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, waitpid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTSTP};

use super::address_mask::AddressMask;
use super::plain::Plain;
use super::process_table;
use super::pty::{Pty, Resizing};
use super::signals::Cancel;
use super::streams::{Stream, Streams, Watch};
use super::terminal::JobControl;

/// The time that a cancelled script gets to end before it is killed.
pub const CANCEL_GRACE: Duration = Duration::from_secs(10);
/// The time that output is awaited after the script ended, if a process that it left behind holds the pipe.
pub const DRAIN_GRACE: Duration = Duration::from_secs(2);
/// The time that a script gets to stop after Ctrl-Z before azml stops; one that ignores the signal runs on.
const SUSPEND_GRACE: Duration = Duration::from_secs(1);

/// The process to start.
#[derive(Clone, Debug)]
pub struct Spec {
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its folder.
    pub cwd: PathBuf,
    /// Its whole environment.
    pub env: BTreeMap<OsString, OsString>,
    /// True if it reads azml's standard input; otherwise it has none.
    pub reads_stdin: bool,
    /// The file to which its output is appended.
    pub log: PathBuf,
    /// The address that is masked in its output.
    pub address: Option<AddressMask>,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal that azml did not send.
    Signal(i32),
    /// It was cancelled.
    Canceled,
}

/// A process that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The kind of its end.
    pub exit: Exit,
    /// The signal that ended it, whoever sent it.
    pub signal: Option<i32>,
    /// True if it left a core dump.
    pub core_dumped: bool,
    /// True if the kernel killed a process for want of memory meanwhile.
    pub out_of_memory: bool,
    /// True if processes of its group still run.
    pub left_processes: bool,
}

impl Ended {
    /// A process that ended like this, and left nothing.
    pub fn by(exit: Exit) -> Self {
        let signal = if let Exit::Signal(signal) = exit { Some(signal) } else { None };
        Self { exit, signal, core_dumped: false, out_of_memory: false, left_processes: false }
    }
}

/// The exit code with which shells and others end after an interrupt that they have caught.
const INTERRUPTED: i32 = 128 + SIGINT;

/// Runs a process to its end.
pub fn run(spec: &Spec, watch: &Arc<dyn Watch>, cancel: &Cancel) -> io::Result<Ended> {
    let log = File::options().create(true).append(true).open(&spec.log)?;
    let killed_before = process_table::out_of_memory_kills();
    let pty = watch.is_terminal(Stream::Out).then(Pty::open).transpose()?;
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).current_dir(&spec.cwd).env_clear().envs(&spec.env).process_group(0);
    command.stdin(if spec.reads_stdin { Stdio::inherit() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let reader = match pty {
        Some(Pty { reader, writer }) => {
            if watch.is_terminal(Stream::Err) {
                command.stderr(writer.try_clone()?);
            }
            command.stdout(writer);
            Some(reader)
        }
        None => None,
    };
    let mut child = command.spawn()?;
    // At the end of a terminal the program alone is to be left.
    drop(command);
    let id = child.id();
    let group = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id is a positive number");
    watch.started(id);
    let _resizing = reader.as_ref().map(|reader| Resizing::start(reader, group)).transpose()?;
    let mut streams = Streams::new(log, Arc::clone(watch), spec.address.clone());
    if let Some(reader) = reader {
        streams.pass(Stream::Out, reader, Some(Plain::default()))?;
    }
    if let Some(out) = child.stdout.take() {
        streams.pass(Stream::Out, OwnedFd::from(out).into(), None)?;
    }
    if let Some(err) = child.stderr.take() {
        streams.pass(Stream::Err, OwnedFd::from(err).into(), None)?;
    }
    let (changed, changes) = unbounded();
    std::thread::Builder::new().name("wait".to_owned()).spawn(move || wait(group, &changed))?;

    let mut control = JobControl::of(group);
    let (status, canceled) = watch_over(&mut control, &streams, &changes, cancel)?;
    control.take_back();
    if canceled {
        // What ignored the polite signal does not survive the script.
        control.signal(Signal::KILL);
    }
    streams.end(DRAIN_GRACE);
    let exit = match (canceled, status.code(), status.signal()) {
        (true, ..) => Exit::Canceled,
        (_, Some(code), _) => Exit::Code(code),
        (_, None, signal) => Exit::Signal(signal.unwrap_or_default()),
    };
    Ok(Ended {
        exit,
        signal: status.signal(),
        core_dumped: status.core_dumped(),
        out_of_memory: process_table::out_of_memory_kills() > killed_before,
        // Of a cancelled group nothing survives; what was killed just now may still be on its way out.
        left_processes: !canceled && process_table::is_alive(id),
    })
}

/// The state of the group's leader.
enum Change {
    Ended(ExitStatus),
    Stopped(i32),
}

/// Tells of each stop of a child process, and of its end.
fn wait(child: Pid, tell: &Sender<io::Result<Change>>) {
    loop {
        let change = match waitpid(Some(child), WaitOptions::UNTRACED) {
            Ok(Some((_, status))) => match status.stopping_signal() {
                Some(signal) => Ok(Change::Stopped(signal)),
                None => Ok(Change::Ended(ExitStatus::from_raw(status.as_raw()))),
            },
            Ok(None) | Err(Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
        let is_over = !matches!(change, Ok(Change::Stopped(_)));
        if tell.send(change).is_err() || is_over {
            return;
        }
    }
}

/// Waits for the leader's end, passing on what cancels it; says whether something did.
fn watch_over(
    control: &mut JobControl,
    streams: &Streams,
    changes: &Receiver<io::Result<Change>>,
    cancel: &Cancel,
) -> io::Result<(ExitStatus, bool)> {
    let suspensions = cancel.suspensions();
    let mut canceled = false;
    let mut timeout: Receiver<_> = never();
    let mut still_running: Receiver<_> = never();
    loop {
        select! {
            recv(changes) -> change => {
                let change = change.unwrap_or_else(|_| Err(io::Error::other("the waiting thread is gone")))?;
                match change {
                    Change::Stopped(signal) => control.stopped(signal, streams),
                    Change::Ended(status) => {
                        let by_key = control.has_tty() && is_by_key(status);
                        // A script that was about to read a terminal when it went away fails at the end of its input.
                        let by_hangup = !status.success() && control.has_lost_tty();
                        // Whoever cancels may have sent the script the signal, too: it can end before azml has heard.
                        let with_azml = !status.success() && cancel.is_asked();
                        return Ok((status, canceled || by_key || by_hangup || with_azml));
                    }
                }
            }
            recv(suspensions.received) -> signal => match signal {
                Ok(SIGTSTP) => {
                    control.suspend();
                    still_running = after(SUSPEND_GRACE);
                }
                _ => control.resume(),
            },
            recv(still_running) -> _ => {
                control.finish_suspending();
                still_running = never();
            }
            recv(cancel.received()) -> received => {
                let polite = received.ok().and_then(Signal::from_named_raw).unwrap_or(Signal::TERM);
                // Asked twice, the user means it.
                control.signal(if canceled { Signal::KILL } else { polite });
                // One that is suspended hears of it only when it goes on.
                control.signal(Signal::CONT);
                if !canceled {
                    timeout = after(CANCEL_GRACE);
                }
                canceled = true;
            }
            recv(timeout) -> _ => {
                control.signal(Signal::KILL);
                timeout = never();
            }
        }
    }
}

/// Returns whether a script that had the terminal was ended by a key (Ctrl-C, Ctrl-\\) or by the terminal's end.
fn is_by_key(status: ExitStatus) -> bool {
    status.code() == Some(INTERRUPTED) || matches!(status.signal(), Some(SIGINT | SIGQUIT | SIGHUP))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Recorder {
        out: Mutex<Vec<u8>>,
        err: Mutex<Vec<u8>>,
        /// Told once the process has said that it is ready.
        ready: Mutex<Option<Sender<i32>>>,
    }

    impl Watch for Recorder {
        fn started(&self, _: u32) {}
        fn output(&self, stream: Stream, bytes: &[u8]) {
            let kept = if stream == Stream::Out { &self.out } else { &self.err };
            kept.lock().unwrap().extend_from_slice(bytes);
            if let Some(ready) = self.ready.lock().unwrap().take() {
                ready.send(signal_hook::consts::SIGTERM).unwrap();
            }
        }
    }

    fn shell(dir: &std::path::Path, script: &str) -> Spec {
        Spec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            cwd: dir.to_owned(),
            env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into()), ("X".into(), "y".into())]),
            reads_stdin: false,
            log: dir.join("log.txt"),
            address: None,
        }
    }

    #[test]
    fn output_code_and_environment_are_the_scripts() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Arc::new(Recorder::default());
        let watch: Arc<dyn Watch> = recorder.clone();
        let (_keep, signals) = unbounded();
        let spec = shell(dir.path(), "echo out $X; echo err >&2; cat; exit 7");
        let ended = run(&spec, &watch, &Cancel::from_channel(signals)).unwrap();
        assert_eq!((ended.exit, ended.left_processes), (Exit::Code(7), false));
        assert_eq!(*recorder.out.lock().unwrap(), b"out y\n");
        assert_eq!(*recorder.err.lock().unwrap(), b"err\n");
        let log = std::fs::read_to_string(&spec.log).unwrap();
        assert!(log.contains("out y\n") && log.contains("err\n"), "{log}");
    }

    #[test]
    fn a_cancel_reaches_what_the_script_has_started() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, signals) = unbounded();
        let recorder = Arc::new(Recorder { ready: Mutex::new(Some(sender.clone())), ..Recorder::default() });
        let watch: Arc<dyn Watch> = recorder.clone();
        let spec = shell(dir.path(), "sleep 600 & echo ready; wait");
        let ended = run(&spec, &watch, &Cancel::from_channel(signals)).unwrap();
        assert_eq!(ended.exit, Exit::Canceled);
        drop(sender);
    }

    #[test]
    fn a_signal_is_told_apart_from_an_exit_code() {
        let dir = tempfile::tempdir().unwrap();
        let watch: Arc<dyn Watch> = Arc::new(Recorder::default());
        let (_keep, signals) = unbounded();
        let ended = run(&shell(dir.path(), "kill -KILL $$"), &watch, &Cancel::from_channel(signals)).unwrap();
        assert_eq!((ended.exit, ended.signal), (Exit::Signal(9), Some(9)));
    }

    #[test]
    fn a_script_that_fails_while_its_cancel_is_on_the_way_is_canceled() {
        let dir = tempfile::tempdir().unwrap();
        let watch: Arc<dyn Watch> = Arc::new(Recorder::default());
        for (end, exit) in
            [("kill -TERM $$", Exit::Canceled), ("exit 3", Exit::Canceled), ("exit 0", Exit::Code(0))]
        {
            let cancel = Cancel::from_channel(never()).or_by_file(dir.path().join("cancel"));
            let ended = run(&shell(dir.path(), &format!(">cancel; {end}")), &watch, &cancel).unwrap();
            assert_eq!(ended.exit, exit, "{end}");
        }
    }

    #[test]
    fn a_stopped_script_hears_of_its_cancel() {
        let dir = tempfile::tempdir().unwrap();
        let (sender, signals) = unbounded();
        let recorder = Arc::new(Recorder { ready: Mutex::new(Some(sender.clone())), ..Recorder::default() });
        let watch: Arc<dyn Watch> = recorder.clone();
        let spec = shell(dir.path(), "echo ready; kill -STOP $$; sleep 600");
        let ended = run(&spec, &watch, &Cancel::from_channel(signals)).unwrap();
        assert_eq!((ended.exit, ended.signal), (Exit::Canceled, Some(15)));
        drop(sender);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let watch: Arc<dyn Watch> = Arc::new(Recorder::default());
        let (_keep, signals) = unbounded();
        let spec = Spec { program: "/no/such/program".into(), ..shell(dir.path(), "") };
        assert!(run(&spec, &watch, &Cancel::from_channel(signals)).is_err());
    }
}
