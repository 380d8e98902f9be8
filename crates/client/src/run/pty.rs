//! A terminal for the output of a run whose azml writes to one: progress bars draw once, colours stay.
//!
//! It is a second terminal between the program and the user's, for output alone: what the program reads, and its job
//! control, are the user's own terminal's. It changes no byte of the output. Programs that set modes of the terminal that
//! they write to, as full-screen ones do, set those of this one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use crate::limits::WINDOW_SIZE_LOOK;

/// A pseudo terminal.
pub(super) struct Pty {
    /// azml's end.
    pub(super) reader: File,
    /// The program's end.
    pub(super) writer: OwnedFd,
}

impl Pty {
    /// Makes one of the size of the terminal that azml writes to.
    pub(super) fn open() -> io::Result<Self> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname_r(&master)?;
        let reader = File::from(master.as_fd().try_clone_to_owned()?);
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let writer = rustix::fs::open(name, flags, Mode::empty())?;
        let mut modes = tcgetattr(&writer)?;
        // The user's terminal makes `\r\n` of `\n`; the log has none of it.
        modes.output_modes.remove(OutputModes::OPOST);
        tcsetattr(&writer, OptionalActions::Now, &modes)?;
        if let Ok(size) = tcgetwinsize(rustix::stdio::stdout()) {
            tcsetwinsize(&writer, size)?;
        }
        Ok(Self { reader, writer })
    }
}

/// Passes on the size of the user's terminal to the program's, until it is dropped.
pub(super) struct Resizing {
    /// The thread ends when this is dropped.
    _stop: Sender<()>,
}

impl Resizing {
    /// Begins to; `group` is the program's process group, which hears of a change.
    ///
    /// The size is looked at again and again: when the program has the user's terminal, azml gets no signal of a change.
    pub(super) fn start(pty: &File, group: Pid) -> io::Result<Self> {
        let (stop, end) = bounded::<()>(0);
        let pty = pty.try_clone()?;
        std::thread::Builder::new().name("window size".to_owned()).spawn(move || {
            while end.recv_timeout(WINDOW_SIZE_LOOK) == Err(RecvTimeoutError::Timeout) {
                let Ok(size) = tcgetwinsize(rustix::stdio::stdout()) else { return };
                if tcgetwinsize(&pty).is_ok_and(|known| known != size) && tcsetwinsize(&pty, size).is_ok() {
                    let _ = kill_process_group(group, Signal::WINCH);
                }
            }
        })?;
        Ok(Self { _stop: stop })
    }
}
