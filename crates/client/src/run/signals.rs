//! Signals as messages instead of sudden death: those that cancel a run, and those that suspend and continue azml.
//!
//! A signal that was ignored when azml started (`nohup`, `&` in a script) stays ignored, for azml and for the script.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, unbounded};
use git_wire::Interrupt;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::process::{getpid, kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use super::process_table;

/// The signals that cancel a run.
const CANCELING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
/// The signals that suspend azml with its script, and continue both.
const JOB_CONTROL: [i32; 2] = [SIGTSTP, SIGCONT];

/// From now on the process's canceling signals, in the order in which they arrive.
#[derive(Clone, Debug)]
pub struct Cancel {
    received: Receiver<i32>,
    suspensions: Arc<Mutex<Option<Sender<i32>>>>,
    /// A file that asks for the same by being there.
    file: Option<PathBuf>,
}

impl Cancel {
    /// Takes over the signals for the rest of the process's life, except those that are ignored.
    pub fn listen() -> io::Result<Self> {
        let ignored = process_table::ignored_signals(None);
        let caught = CANCELING.iter().chain(&JOB_CONTROL).filter(|signal| !is_in(ignored, **signal));
        let mut signals = Signals::new(caught)?;
        let (sender, received) = unbounded();
        let suspensions = Arc::new(Mutex::new(None::<Sender<i32>>));
        let listeners = Arc::clone(&suspensions);
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if CANCELING.contains(&signal) {
                    if sender.send(signal).is_err() {
                        break;
                    }
                    continue;
                }
                let listener = listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let is_passed_on = listener.is_some_and(|listener| listener.send(signal).is_ok());
                if !is_passed_on && signal == SIGTSTP {
                    stop_self();
                }
            }
        })?;
        Ok(Self { received, suspensions, file: None })
    }

    /// Signals that somebody passes on.
    pub fn from_channel(received: Receiver<i32>) -> Self {
        Self { received, suspensions: Arc::default(), file: None }
    }

    /// The same, which is asked for by a file, too. Nobody is told of the file: only [`Self::is_asked`] looks for it.
    pub fn or_by_file(self, file: PathBuf) -> Self {
        Self { file: Some(file), ..self }
    }

    /// The channel of the signals.
    pub fn received(&self) -> &Receiver<i32> {
        &self.received
    }

    /// Returns an interrupt that the first of the signals sets.
    pub fn interrupt(&self) -> io::Result<Interrupt> {
        let (interrupt, received) = (Interrupt::default(), self.received.clone());
        let sets = interrupt.clone();
        std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            if received.recv().is_ok() {
                sets.set();
            }
        })?;
        Ok(interrupt)
    }

    /// Returns whether a signal has arrived that nobody has acted on; it stays. So does the file.
    pub fn is_asked(&self) -> bool {
        !self.received.is_empty() || self.file.as_ref().is_some_and(|file| file.exists())
    }

    /// From now on SIGTSTP and SIGCONT come here, and stopping azml is the receiver's, until this is dropped.
    pub(super) fn suspensions(&self) -> Suspensions<'_> {
        let (sender, received) = unbounded();
        *self.suspensions.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Suspensions { received, of: self }
    }
}

/// Receives SIGTSTP and SIGCONT.
pub(super) struct Suspensions<'c> {
    pub(super) received: Receiver<i32>,
    of: &'c Cancel,
}

impl Drop for Suspensions<'_> {
    fn drop(&mut self) {
        *self.of.suspensions.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// While this is there, the thread that made it, and what it starts, is not stopped for using a terminal that another
/// group has: writing and changing modes are done, and reading fails.
pub(super) struct NotStopped(SigSet);

impl NotStopped {
    pub(super) fn new() -> Option<Self> {
        let set = SigSet::from_iter([Signal::SIGTTIN, Signal::SIGTTOU]);
        set.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok().map(Self)
    }
}

impl Drop for NotStopped {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

/// Stops azml as Ctrl-Z does, if there is somebody who could continue it; returns once it is continued.
pub(super) fn stop_self() {
    if !process_table::is_orphaned_group() {
        let _ = kill_process(getpid(), rustix::process::Signal::STOP);
    }
}

/// Returns whether a set of signals, as `/proc` writes it, has this one.
pub fn is_in(set: u64, signal: i32) -> bool {
    u32::try_from(signal - 1).is_ok_and(|bit| set.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

/// A signal with its number and name: `signal 9 (SIGKILL)`.
pub fn describe(signal: i32) -> String {
    match signal_hook::low_level::signal_name(signal) {
        Some(name) => format!("signal {signal} ({name})"),
        None => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_names() {
        let cases = [(9, "signal 9 (SIGKILL)"), (11, "signal 11 (SIGSEGV)"), (64, "signal 64")];
        for (signal, expect) in cases {
            assert_eq!(describe(signal), expect);
        }
    }

    #[test]
    fn a_set_of_signals_is_read_from_its_lowest_bit_on() {
        assert!(is_in(1, SIGHUP) && !is_in(1, SIGINT));
        assert!(is_in(0x2, SIGINT) && is_in(1 << 63, 64));
        assert!(!is_in(u64::MAX, 0) && !is_in(u64::MAX, 65));
    }
}
