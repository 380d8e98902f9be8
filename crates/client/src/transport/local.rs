//! A repository in a folder of this machine: the service runs in a thread of this process.
//!
//! No `git` process, and no hooks. A branch that is checked out in a repository with a work tree is
//! not pushed to, as Git has it by default: its files would no longer match.

use std::io::{self, BufReader, BufWriter, PipeReader, PipeWriter, Read};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use git_wire::client::{Connection, Duplex, TransportError, TransportErrorKind as Kind};
use git_wire::{Denial, Options, Policy, ProtocolVersion, RefUpdate, Repository, Service};

/// Seconds after which a ref's lock that nobody has touched is taken for a killed process's.
const LOCK_WAITS: u32 = 3;

/// A conversation with a service that runs in a thread.
pub(super) struct Local {
    // Dropped first: closes the pipes, which ends the thread.
    stream: Option<Duplex>,
    server: Option<JoinHandle<()>>,
}

impl Local {
    pub(super) fn connect(path: &Path, service: Service) -> Result<Self, TransportError> {
        let failed = |error| TransportError::from_io("making a pipe", error);
        let git_dir = find(path)?;
        let repository = Repository::open(&git_dir).map_err(|error| {
            let message = format!("'{}' can't be opened as a Git repository", git_dir.display());
            TransportError::new(Kind::Other, message).with_source(error)
        })?;
        let policy = CheckedOutStays { checked_out: checked_out(&repository) };
        let (server_reads, we_write) = io::pipe().map_err(failed)?;
        let (we_read, server_writes) = io::pipe().map_err(failed)?;
        let server = std::thread::Builder::new()
            .name(format!("{} {}", service.as_str(), path.display()))
            .spawn(move || serve(service, &repository, &policy, server_reads, server_writes))
            .map_err(|error| TransportError::from_io("starting a thread", error))?;
        let stream = Duplex::new(Box::new(we_read), Box::new(we_write));
        Ok(Self { stream: Some(stream), server: Some(server) })
    }

    fn stream(&mut self) -> &mut Duplex {
        self.stream.as_mut().expect("taken by drop alone")
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.stream.take());
        if let Some(server) = self.server.take() {
            // What a push changes is done when this returns, whatever the thread met at its end.
            drop(server.join());
        }
    }
}

impl Connection for Local {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        self.stream().advertisement()
    }

    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        self.stream().exchange(request)
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

fn serve(
    service: Service,
    repository: &Repository,
    policy: &dyn Policy,
    input: PipeReader,
    output: PipeWriter,
) {
    let version = match service {
        Service::UploadPack => ProtocolVersion::V2,
        Service::ReceivePack => ProtocolVersion::V0,
    };
    let mut input = BufReader::new(input);
    let mut output = BufWriter::new(output);
    // A push that was killed was its own server: nobody else will remove its lock.
    let options = Options { break_locks_after: Some(LOCK_WAITS), ..Options::default() };
    let server = git_wire::Server { repository, policy, options: &options };
    if let Err(error) = server.converse(service, version, &mut input, &mut output) {
        // The peer was told, as far as the protocol has words for it.
        tracing::debug!(%error, "the local service ended early");
    }
}

/// The Git folder that a path means, as Git finds it: the path, with `/.git`, with `.git`, with both.
pub(super) fn find(path: &Path) -> Result<PathBuf, TransportError> {
    let with_suffix = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    for candidate in [with_suffix("/.git"), path.to_owned(), with_suffix(".git/.git"), with_suffix(".git")] {
        if candidate.is_file() || (candidate.join("HEAD").is_file() && candidate.join("objects").is_dir()) {
            return Ok(candidate);
        }
    }
    Err(TransportError::new(Kind::NotFound, format!("'{}' is not a Git repository", path.display())))
}

/// The branch whose files stand in a work tree there.
fn checked_out(repository: &Repository) -> Option<gix::refs::FullName> {
    let repository = repository.to_gix();
    repository.workdir()?;
    repository.head_name().ok().flatten()
}

struct CheckedOutStays {
    checked_out: Option<gix::refs::FullName>,
}

impl Policy for CheckedOutStays {
    fn may_read(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_update(&self, update: &RefUpdate) -> Result<(), Denial> {
        if self.checked_out.as_ref() == Some(&update.name) {
            return Err(Denial::new("branch is currently checked out"));
        }
        Ok(())
    }
}
