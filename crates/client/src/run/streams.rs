//! The output of a process: passed on as it comes, and into a file.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, select, unbounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::address_mask::AddressMask;
use super::plain::Plain;
use crate::limits::{STREAM_CHUNK, STREAM_PAUSE, STREAM_TURNS};

/// The stream that a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Told what a process does, from several threads.
pub trait Watch: Send + Sync {
    /// It runs, and leads the process group of this number.
    fn started(&self, pid: u32);
    /// It wrote.
    fn output(&self, stream: Stream, bytes: &[u8]);
    /// Returns whether what it writes to a stream goes to a terminal.
    fn is_terminal(&self, _stream: Stream) -> bool {
        false
    }
    /// Something that its user should know before it starts.
    fn notice(&self, _notice: &Notice) {}
}

/// A remark for the user on how a run is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The fact.
    pub text: String,
    /// The remedy, if it is not as it should be.
    pub hint: Option<String>,
}

/// The streams of one process.
pub(super) struct Streams {
    shared: Arc<Shared>,
    address: Option<AddressMask>,
    /// Once more, to see if there is more to read.
    ends: Vec<OwnedFd>,
    drained: Sender<()>,
    draining: Receiver<()>,
}

/// The place where all streams go.
struct Shared {
    log: Mutex<File>,
    watch: Arc<dyn Watch>,
    /// Streams of which something was read that is not passed on yet.
    busy: Mutex<usize>,
    passed: Condvar,
}

/// Passes on one stream.
struct Pump {
    stream: Stream,
    from: File,
    /// Of a terminal the log gets plain text.
    plain: Option<Plain>,
    address: Option<AddressMask>,
    shared: Arc<Shared>,
}

impl Streams {
    /// Of a process whose output goes to `watch` and is appended to `log`, without `address`.
    pub(super) fn new(log: File, watch: Arc<dyn Watch>, address: Option<AddressMask>) -> Self {
        let shared = Shared { log: Mutex::new(log), watch, busy: Mutex::new(0), passed: Condvar::new() };
        let (drained, draining) = unbounded();
        Self { shared: Arc::new(shared), address, ends: Vec::new(), drained, draining }
    }

    /// Begins to pass on what comes out of a pipe or a terminal until it closes.
    pub(super) fn pass(&mut self, stream: Stream, from: File, plain: Option<Plain>) -> io::Result<()> {
        self.ends.push(from.try_clone()?.into());
        let (address, shared) = (self.address.clone(), Arc::clone(&self.shared));
        let mut pump = Pump { stream, from, plain, address, shared };
        let drained = self.drained.clone();
        std::thread::Builder::new().name("output".to_owned()).spawn(move || {
            pump.pass_all();
            let _ = drained.send(());
        })?;
        Ok(())
    }

    /// Waits until what was written so far is passed on, or its reader takes too long. The process writes no more meanwhile.
    pub(super) fn catch_up(&self) {
        for _ in 0..STREAM_TURNS {
            // Bytes come out of a terminal a moment after they were written.
            let has_more = self.has_more();
            let busy = self.shared.busy();
            if !has_more && *busy == 0 {
                return;
            }
            drop(self.shared.passed.wait_timeout(busy, STREAM_PAUSE));
        }
    }

    /// Returns whether something can be read within [`STREAM_PAUSE`].
    fn has_more(&self) -> bool {
        let mut streams: Vec<PollFd<'_>> =
            self.ends.iter().map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
        let pause = Timespec::try_from(STREAM_PAUSE).ok();
        poll(&mut streams, pause.as_ref()).is_ok()
            && streams.iter().any(|stream| stream.revents().contains(PollFlags::IN))
    }

    /// Waits until all streams are closed, at most for a time: a process that was left behind may hold them.
    pub(super) fn end(self, most: Duration) {
        let timeout = after(most);
        for _ in &self.ends {
            select! {
                recv(self.draining) -> _ => {}
                recv(timeout) -> _ => break,
            }
        }
    }
}

impl Shared {
    fn busy(&self) -> MutexGuard<'_, usize> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pump {
    fn pass_all(&mut self) {
        let mut chunk = vec![0; STREAM_CHUNK];
        loop {
            let mut stream = [PollFd::new(&self.from, PollFlags::IN)];
            while poll(&mut stream, None) == Err(Errno::INTR) {}
            *self.shared.busy() += 1;
            let read = self.from.read(&mut chunk);
            if let Ok(read) = read {
                self.pass(&chunk[..read]);
            }
            *self.shared.busy() -= 1;
            self.shared.passed.notify_all();
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // The usual end of a terminal is an error, too.
                    tracing::debug!(%error, "the script's output broke off");
                    break;
                }
            }
        }
        self.end();
    }

    /// Passes on bytes, without the address.
    fn pass(&mut self, bytes: &[u8]) {
        let Some(address) = &mut self.address else { return self.show(bytes) };
        let mut shown = Vec::with_capacity(bytes.len());
        address.take(bytes, &mut shown);
        self.show(&shown);
    }

    /// Passes on what was held back.
    fn end(&mut self) {
        let mut shown = Vec::new();
        if let Some(address) = &mut self.address {
            address.end(&mut shown);
        }
        self.show(&shown);
        self.keep(&[]);
    }

    fn show(&mut self, shown: &[u8]) {
        if !shown.is_empty() {
            self.keep(shown);
            self.shared.watch.output(self.stream, shown);
        }
    }

    /// Writes bytes to the log; at the end there are none.
    fn keep(&mut self, bytes: &[u8]) {
        let mut log = self.shared.log.lock().expect("no output thread panics");
        let written = match &mut self.plain {
            None => log.write_all(bytes),
            Some(plain) if bytes.is_empty() => plain.end(&mut *log),
            Some(plain) => plain.write(bytes, &mut *log),
        };
        if let Err(error) = written {
            tracing::warn!(%error, "the script's output can't be kept");
        }
    }
}
