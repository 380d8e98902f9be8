//! send-pack: asks for ref updates and sends the objects that the remote lacks for them.
//!
//! Never forces: an update whose new commit does not have the old one among its ancestors is
//! refused on this side, and so is one of a ref that is not where the caller last saw it.

use std::collections::HashSet;
use std::io::{self, Cursor, Read, Write};

use gix::ObjectId;
use gix::refs::FullName;

use super::advertisement::Advertisement;
use super::connection::lines;
use super::{AGENT, Connection, Error, Progress, Rejection, RemoteRef, report, shallow};
use crate::capability::Capabilities;
use crate::limits::MAX_ANSWER_BYTES;
use crate::pack;
use crate::pktline::{Demultiplexer, Reader, Writer};

/// Chunks of the pack on their way from the thread that makes it to the one that sends it.
const CHUNKS_AHEAD: usize = 16;
/// The size of such a chunk, about.
const CHUNK: usize = 64 * 1024;

/// One ref to change at the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushUpdate {
    /// The ref's full name there.
    pub name: FullName,
    /// The object it is expected to hold; `None`: it must not exist.
    pub old: Option<ObjectId>,
    /// The object it shall hold; `None` deletes it.
    pub new: Option<ObjectId>,
}

/// The updates to push.
#[derive(Debug, Clone, Default)]
pub struct PushRequest {
    /// The refs to change.
    pub updates: Vec<PushUpdate>,
    /// All or none, where the server offers it.
    pub atomic: bool,
    /// Objects that the remote is known to have, beside the tips of its refs.
    pub exclude: Vec<ObjectId>,
    /// Sends all that the new tips reach, also what the remote should have: for one that lacks objects.
    pub everything: bool,
    /// Commits whose parents are not sent: the remote's history is to begin with them, which its `shallow` file says already.
    pub boundary: Vec<ObjectId>,
}

/// The server's report about a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushReport {
    /// Every ref of the request, changed or not.
    pub refs: Vec<(FullName, Result<(), Rejection>)>,
    /// The server's answer about storing the pack.
    pub unpack: Result<(), Rejection>,
    /// Objects sent.
    pub objects: u64,
    /// Bytes sent, the pack's and the commands'.
    pub bytes_sent: u64,
}

impl PushReport {
    /// Returns whether everything that was asked for was done.
    pub fn is_ok(&self) -> bool {
        self.unpack.is_ok() && self.refs.iter().all(|(_, result)| result.is_ok())
    }

    /// Returns whether the server refused because it lacks objects that were not sent: it may have lost what its refs reach, or
    /// what it had when it was asked last.
    pub fn lacks_objects(&self) -> bool {
        let refusals = self.refs.iter().filter_map(|(_, result)| result.as_ref().err());
        self.unpack.as_ref().err().into_iter().chain(refusals).any(Rejection::lacks_objects)
    }
}

/// A conversation with the receive-pack of a remote repository.
pub struct PushSession<'c> {
    connection: &'c mut dyn Connection,
    capabilities: Capabilities,
    refs: Vec<RemoteRef>,
    extra: Vec<ObjectId>,
    /// Commits that the remote has without their parents.
    shallow: pack::IdSet,
    /// A conversation on one stream carries one push.
    is_over: bool,
}

impl std::fmt::Debug for PushSession<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushSession").field("refs", &self.refs).finish_non_exhaustive()
    }
}

impl<'c> PushSession<'c> {
    /// Learns what the server can do and lists its refs.
    pub fn start(connection: &'c mut dyn Connection) -> Result<Self, Error> {
        let offer = Advertisement::read(connection)?;
        if offer.is_v2 {
            return Err(Error::Protocol("it answers a push by version 2, which has none".to_owned()));
        }
        let Advertisement { capabilities, mut refs, extra, shallow, .. } = offer;
        refs.sort_by(|one, two| one.name.cmp(&two.name));
        let shallow = shallow.into_iter().collect();
        Ok(Self { connection, capabilities, refs, extra, shallow, is_over: false })
    }

    /// All refs of the remote repository, by name.
    pub fn refs(&self) -> &[RemoteRef] {
        &self.refs
    }

    /// Returns the object that a ref of the remote repository points to.
    pub fn tip(&self, name: &FullName) -> Option<ObjectId> {
        self.refs.iter().find(|found| found.name == *name).map(|found| found.id)
    }

    /// Returns whether the server does all updates of a push or none.
    pub fn offers_atomic(&self) -> bool {
        self.capabilities.contains("atomic")
    }

    /// Sends the objects that the remote lacks and asks for the ref updates.
    pub fn push(
        &mut self,
        repository: &gix::Repository,
        request: &PushRequest,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<PushReport, Error> {
        if self.is_over {
            return Err(Error::Protocol("it takes one push for each connection".to_owned()));
        }
        let mut refusals = self.refusals(repository, &request.updates)?;
        if request.atomic && refusals.iter().any(Option::is_some) {
            for refusal in &mut refusals {
                refusal.get_or_insert(Rejection::Atomic);
            }
        }
        let asked: Vec<&PushUpdate> = request
            .updates
            .iter()
            .zip(&refusals)
            .filter(|(_, refusal)| refusal.is_none())
            .map(|(update, _)| update)
            .collect();
        let mut outcome = if asked.is_empty() {
            Outcome::nothing()
        } else {
            self.send(repository, request, &asked, progress)?
        };
        let refs = request.updates.iter().zip(refusals).map(|(update, refusal)| {
            let result = match refusal {
                Some(refusal) => Err(refusal),
                None if !outcome.has_report => Ok(()),
                None => outcome
                    .report
                    .refs
                    .remove(update.name.as_bstr().as_ref() as &[u8])
                    .unwrap_or(Err(Rejection::Unreported)),
            };
            (update.name.clone(), result)
        });
        Ok(PushReport {
            refs: refs.collect(),
            unpack: outcome.report.unpack,
            objects: outcome.objects,
            bytes_sent: outcome.bytes_sent,
        })
    }

    /// Why this side does not even ask for an update, for each of them.
    fn refusals(
        &self,
        repository: &gix::Repository,
        updates: &[PushUpdate],
    ) -> Result<Vec<Option<Rejection>>, Error> {
        updates
            .iter()
            .map(|update| {
                let found = self.tip(&update.name);
                if found != update.old {
                    return Ok(Some(Rejection::Stale { found }));
                }
                Ok(match (update.old, update.new) {
                    (Some(old), Some(new)) if !contains(repository, new, old)? => {
                        Some(Rejection::NonFastForward)
                    }
                    (None, None) => Some(Rejection::NotThere),
                    (_, None) if !self.capabilities.contains("delete-refs") => Some(Rejection::NoDeletion),
                    _ => None,
                })
            })
            .collect()
    }

    fn send(
        &mut self,
        repository: &gix::Repository,
        request: &PushRequest,
        asked: &[&PushUpdate],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Outcome, Error> {
        let has_side_band = self.capabilities.contains("side-band-64k");
        let report_status =
            ["report-status-v2", "report-status"].into_iter().find(|word| self.capabilities.contains(word));
        let commands = self
            .commands(asked, request.atomic, report_status, has_side_band)
            .map_err(|source| Error::read("the commands of a push", source))?;
        let news: Vec<ObjectId> = asked.iter().filter_map(|update| update.new).collect();
        let counted = if news.is_empty() { None } else { Some(self.count(repository, &news, request)?) };
        let objects = counted.as_ref().map_or(0, |counted| counted.objects.len() as u64);
        self.is_over = !self.connection.is_stateless();
        let is_stateless = self.connection.is_stateless();
        let ofs_delta = self.capabilities.contains("ofs-delta");
        let thin = !self.capabilities.contains("no-thin");
        let shared = repository.clone().into_sync();
        let connection = &mut *self.connection;
        std::thread::scope(|scope| {
            let (pipe, pack) = gix_utils::io::pipe::unidirectional(CHUNKS_AHEAD);
            if let Some(counted) = counted {
                let options = pack::WriteOptions { ofs_delta, thin, ..Default::default() };
                scope.spawn(move || {
                    let repository = shared.to_thread_local();
                    let mut pipe = io::BufWriter::with_capacity(CHUNK, pipe);
                    let done = pack::write(&repository, &counted, options, &mut pipe)
                        .map_err(io::Error::other)
                        .and_then(|_| pipe.flush());
                    if let Err(error) = done {
                        let (pipe, _) = pipe.into_parts();
                        // The receiver may be gone; else it must not take this for the end of the pack.
                        drop(pipe.channel.send(Err(error)));
                    }
                });
            } else {
                drop(pipe);
            }
            let mut sent =
                Counting { inner: Cursor::new(commands).chain(pack), bytes: 0, progress: &mut *progress };
            let exchanged = connection.exchange(&mut sent);
            let bytes_sent = sent.bytes;
            drop(sent);
            let answer = exchanged?;
            let report = read_report(
                lines(is_stateless, answer, MAX_ANSWER_BYTES),
                has_side_band,
                report_status.is_some(),
                progress,
            )?;
            Ok(Outcome { report, has_report: report_status.is_some(), objects, bytes_sent })
        })
    }

    fn commands(
        &self,
        asked: &[&PushUpdate],
        atomic: bool,
        report_status: Option<&str>,
        has_side_band: bool,
    ) -> io::Result<Vec<u8>> {
        let mut words = String::from("\0");
        let mut add = |word: &str| {
            words.push(' ');
            words.push_str(word);
        };
        if let Some(word) = report_status {
            add(word);
        }
        if has_side_band {
            add("side-band-64k");
        }
        if atomic && self.offers_atomic() {
            add("atomic");
        }
        if self.capabilities.contains("object-format") {
            add("object-format=sha1");
        }
        if self.capabilities.contains("agent") {
            add(&format!("agent={AGENT}"));
        }
        let mut out = Writer::new(Vec::new());
        for update in asked {
            let null = ObjectId::null(gix::hash::Kind::Sha1);
            let (old, new) = (update.old.unwrap_or(null), update.new.unwrap_or(null));
            let mut line = format!("{old} {new} ").into_bytes();
            line.extend_from_slice(update.name.as_bstr());
            line.extend_from_slice(words.as_bytes());
            words.clear();
            out.data(&line)?;
        }
        out.flush_line()?;
        Ok(out.into_inner())
    }

    /// The objects that are new to the remote: what its refs reach, it has.
    fn count(
        &self,
        repository: &gix::Repository,
        news: &[ObjectId],
        request: &PushRequest,
    ) -> Result<pack::Counted, Error> {
        let theirs = self.refs.iter().flat_map(|found| [Some(found.id), found.peeled]).flatten();
        let known: HashSet<ObjectId> =
            theirs.chain(self.extra.iter().copied()).chain(request.exclude.iter().copied()).collect();
        let is_had = |id: &ObjectId| !request.everything && repository.has_object(*id);
        let haves: Vec<ObjectId> = known.into_iter().filter(is_had).collect();
        // Commits without their parents here stand on commits that came from the remote.
        let boundary =
            shallow::read(repository)?.into_iter().chain(request.boundary.iter().copied()).collect();
        let receiver_shallow = self.shallow.clone();
        let options = pack::CountOptions { receiver_shallow, boundary, ..Default::default() };
        pack::count(repository, news, &haves, &options, &mut |_| Ok(()))
            .map_err(|source| Error::repository("finding the objects to push", repository, source))
    }
}

impl Drop for PushSession<'_> {
    fn drop(&mut self) {
        // A server on a stream waits for commands until it is told that there are none.
        if !self.connection.is_stateless()
            && !self.is_over
            && let Err(error) = self.connection.exchange(&mut b"0000".as_slice())
        {
            tracing::debug!(%error, "the server had gone already");
        }
    }
}

struct Outcome {
    report: report::Report,
    has_report: bool,
    objects: u64,
    bytes_sent: u64,
}

impl Outcome {
    fn nothing() -> Self {
        let report = report::Report { unpack: Ok(()), refs: std::collections::HashMap::new() };
        Self { report, has_report: true, objects: 0, bytes_sent: 0 }
    }
}

fn read_report(
    mut answer: Reader<Box<dyn Read + '_>>,
    has_side_band: bool,
    has_report: bool,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<report::Report, Error> {
    let no_report = || report::Report { unpack: Ok(()), refs: std::collections::HashMap::new() };
    if !has_side_band {
        return if has_report { report::read(&mut answer) } else { Ok(no_report()) };
    }
    let mut band = Demultiplexer::new(answer, |text: &[u8]| progress(Progress::Remote(text)));
    if !has_report {
        return match band.finish() {
            Ok(_) => Ok(no_report()),
            Err(source) => Err(Error::read("the end of a push", source)),
        };
    }
    let report = report::read(&mut Reader::limited(&mut band, MAX_ANSWER_BYTES))?;
    // Text may follow the report. That the server hangs up after it takes nothing away.
    if let Err(error) = band.finish() {
        tracing::debug!(%error, "the answer to a push has no proper end");
    }
    Ok(report)
}

/// Returns whether `old` is `new` or one of its ancestors, as far as the history is here.
fn contains(repository: &gix::Repository, new: ObjectId, old: ObjectId) -> Result<bool, Error> {
    if new == old {
        return Ok(true);
    }
    if !repository.has_object(old) {
        return Ok(false);
    }
    let base = repository
        .merge_base(new, old)
        .map_err(|source| Error::repository("comparing two commits", repository, source))?;
    Ok(base.is_some_and(|base| base == old))
}

/// Counts what is read, and tells.
struct Counting<'p, R> {
    inner: R,
    bytes: u64,
    progress: &'p mut dyn FnMut(Progress<'_>),
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.bytes += count as u64;
        if count > 0 {
            (self.progress)(Progress::Sent { bytes: self.bytes });
        }
        Ok(count)
    }
}
