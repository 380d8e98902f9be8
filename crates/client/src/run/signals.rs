//! Ctrl-C and termination signals, as messages instead of sudden death.

use std::io;

use crossbeam_channel::{Receiver, unbounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The signals that cancel a run.
const CANCELING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// From now on the process's canceling signals, in the order in which they arrive.
#[derive(Clone, Debug)]
pub struct Cancel {
    received: Receiver<i32>,
}

impl Cancel {
    /// Takes over the signals for the rest of the process's life.
    pub fn listen() -> io::Result<Self> {
        let mut signals = Signals::new(CANCELING)?;
        let (sender, received) = unbounded();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { received })
    }

    /// Signals from elsewhere, for tests.
    pub fn from_channel(received: Receiver<i32>) -> Self {
        Self { received }
    }

    /// Where the signals arrive.
    pub fn received(&self) -> &Receiver<i32> {
        &self.received
    }

    /// Whether a signal has arrived that nobody has acted on; it stays.
    pub fn is_asked(&self) -> bool {
        !self.received.is_empty()
    }
}
