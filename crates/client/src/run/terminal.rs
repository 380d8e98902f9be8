//! The terminal, which azml and its script share as a shell and its job do.
//!
//! The script leads a process group of its own in the background, so that Ctrl-C reaches azml, which cancels the run.
//! When the script reads the terminal or changes its modes, the kernel stops it; azml then gives it the terminal, if
//! azml itself is in the foreground, and continues it. From then on the keys are the script's, Ctrl-C among them, until
//! it ends. Ctrl-Z suspends both: azml takes the terminal back, stops the script and then its own group, and gives it
//! again when a shell continues azml in the foreground. azml stops after the script has: a script that still waits in
//! `read` when the shell has the terminal again would get a key that is typed for the shell.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpgrp, kill_process_group};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};
use signal_hook::consts::{SIGTSTP, SIGTTIN, SIGTTOU};

use super::process_table;
use super::signals::{self, NotStopped};
use super::streams::Streams;

/// The script's process group and the terminal that it may want; the terminal is taken back when this is dropped.
pub(super) struct JobControl {
    /// The script's.
    group: Pid,
    tty: Option<Tty>,
    /// True if the script has had the terminal.
    wants_tty: bool,
    /// True from a stop of the script until it is continued.
    is_stopped: bool,
    /// True if azml stops itself as soon as the script has stopped.
    is_suspending: bool,
}

/// The controlling terminal.
struct Tty {
    fd: OwnedFd,
    /// azml's process group.
    own: Pid,
    /// The modes that azml found.
    modes: Option<Termios>,
    /// The modes that the script had when the terminal was taken from it.
    scripts_modes: Option<Termios>,
    /// True if the script was given the terminal, and it was not taken back.
    is_given: bool,
}

impl Tty {
    /// Opens the controlling terminal of the process, if it has one.
    fn open() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?;
        Some(Self { fd, own: getpgrp(), modes: None, scripts_modes: None, is_given: false })
    }

    fn is_given_to(&self, group: Pid) -> bool {
        tcgetpgrp(&self.fd).is_ok_and(|foreground| foreground == group)
    }

    fn give(&mut self, group: Pid) {
        let _not_stopped = NotStopped::new();
        self.modes = tcgetattr(&self.fd).ok();
        if let Some(modes) = self.scripts_modes.take() {
            let _ = tcsetattr(&self.fd, OptionalActions::Now, &modes);
        }
        match tcsetpgrp(&self.fd, group) {
            Ok(()) => self.is_given = true,
            Err(error) => tracing::debug!(%error, "the script can't be given the terminal"),
        }
    }

    /// Makes azml's group the foreground's again, with the modes from before; a no-op if neither the script nor what it
    /// has given the terminal to and has ended is there.
    fn take_back(&mut self, group: Pid) {
        let Ok(foreground) = tcgetpgrp(&self.fd) else { return };
        let is_lost = self.is_given && process_table::is_gone(foreground);
        if foreground == self.own || (foreground != group && !is_lost) {
            return;
        }
        self.is_given = false;
        let _not_stopped = NotStopped::new();
        self.scripts_modes = tcgetattr(&self.fd).ok();
        if let Err(error) = tcsetpgrp(&self.fd, self.own) {
            tracing::debug!(%error, "the terminal can't be taken back");
        }
        if let Some(modes) = &self.modes {
            let _ = tcsetattr(&self.fd, OptionalActions::Now, modes);
        }
    }
}

impl JobControl {
    /// Of a script that has just started.
    pub(super) fn of(group: Pid) -> Self {
        let mut control =
            Self { group, tty: Tty::open(), wants_tty: false, is_stopped: false, is_suspending: false };
        // A script that inherits this is not stopped for reading: its read fails. It gets the terminal beforehand.
        if signals::is_in(process_table::ignored_signals(None), SIGTTIN) {
            control.give_if_foreground();
        }
        control
    }

    /// Returns whether the script has the terminal now.
    pub(super) fn has_tty(&self) -> bool {
        self.tty.as_ref().is_some_and(|tty| tty.is_given_to(self.group))
    }

    /// Returns whether the terminal has gone away since the start.
    pub(super) fn has_lost_tty(&self) -> bool {
        self.tty.as_ref().is_some_and(|tty| tcgetpgrp(&tty.fd) == Err(Errno::IO))
    }

    /// Acts on the script having been stopped by a signal.
    pub(super) fn stopped(&mut self, signal: i32, streams: &Streams) {
        self.is_stopped = true;
        if self.is_suspending {
            return self.finish_suspending();
        }
        match signal {
            SIGTTIN | SIGTTOU if self.has_tty() || self.give_if_foreground() => self.signal(Signal::CONT),
            // azml runs in the background: the shell has to bring it to the foreground first.
            SIGTTIN | SIGTTOU if self.tty.is_some() && !process_table::is_orphaned_group() => {
                // Among it is the question that the script waits for the answer of.
                streams.catch_up();
                suspend_group();
            }
            SIGTTIN | SIGTTOU => tracing::warn!("the script waits for a terminal that azml can't give it"),
            // Ctrl-Z, which the script alone has got.
            SIGTSTP if self.has_tty() => {
                if process_table::is_orphaned_group() {
                    self.signal(Signal::CONT);
                } else {
                    streams.catch_up();
                    self.take_back();
                    suspend_group();
                }
            }
            // Whoever else has stopped it continues it.
            _ => {}
        }
    }

    /// Suspends the script; azml stops when the script has, at once if it is stopped, or when
    /// [`Self::finish_suspending`] is called.
    pub(super) fn suspend(&mut self) {
        if process_table::is_orphaned_group() {
            return;
        }
        self.take_back();
        self.signal(Signal::TSTP);
        self.is_suspending = true;
        if self.is_stopped {
            self.finish_suspending();
        }
    }

    /// Stops azml if the script was suspended, and returns when azml has been continued.
    pub(super) fn finish_suspending(&mut self) {
        if std::mem::take(&mut self.is_suspending) {
            signals::stop_self();
        }
    }

    /// Continues the script after azml was.
    pub(super) fn resume(&mut self) {
        self.is_suspending = false;
        if self.wants_tty {
            self.give_if_foreground();
        }
        self.signal(Signal::CONT);
    }

    /// Makes azml's group the foreground's again.
    pub(super) fn take_back(&mut self) {
        if let Some(tty) = &mut self.tty {
            tty.take_back(self.group);
        }
    }

    /// Sends a signal to the whole group.
    pub(super) fn signal(&mut self, signal: Signal) {
        if signal == Signal::CONT {
            self.is_stopped = false;
        }
        // The only failure is that the group has ended.
        let _ = kill_process_group(self.group, signal);
    }

    fn give_if_foreground(&mut self) -> bool {
        let Some(tty) = self.tty.as_mut().filter(|tty| tty.is_given_to(tty.own)) else { return false };
        self.wants_tty = true;
        tty.give(self.group);
        true
    }
}

impl Drop for JobControl {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// Suspends azml with its whole group, as Ctrl-Z there would: azml gets the signal as the others do.
fn suspend_group() {
    let _ = kill_process_group(getpgrp(), Signal::TSTP);
}
