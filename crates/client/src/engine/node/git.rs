//! The store of a project on a node: a push of the snapshot, a fetch of what runs have left, over the node's own connection.

use std::collections::BTreeSet;
use std::io::Cursor;

use azml_core::history::HistoryRepo;
use azml_core::id::RunId;
use azml_core::refs::{self, InboxPart};
use git_wire::Service;
use git_wire::client::{
    self, Connection, FetchRequest, FetchSession, PushReport, PushRequest, PushSession, PushUpdate,
    TransportErrorKind as Kind,
};
use gix::ObjectId;
use gix::refs::FullName;
use serde::de::DeserializeOwned;

use super::Node;
use crate::engine::{Error, Handle, shell};
use crate::limits;
use crate::transport::host::{Ssh, at_most};

/// Runs whose refs are asked for by name; of more, the refs of all runs there are listed.
const FEW: usize = 20;

impl Node {
    /// Brings a snapshot there, with a ref for each of the runs, and gives `azml node WORD` what it is to take in after that; its
    /// answer.
    ///
    /// That is one connection: each further one takes as long as a push of a small change.
    pub(super) fn hand_over<T: DeserializeOwned>(
        &self,
        history: &HistoryRepo,
        commit: ObjectId,
        runs: &[&RunId],
        (word, job): (&str, &[u8]),
    ) -> Result<T, Error> {
        self.bring_large(history, commit)?;
        let receive = self.service_line(Service::ReceivePack, history, Some(commit));
        let line = format!("{receive} && {}", self.line(&[word]));
        let (connection, report) =
            self.converse(&line, |connection| push(connection, history, commit, runs))?;
        let Some(report) = report else {
            // The snapshot is there, and the service does not say when it has read its last byte.
            drop(connection);
            return self.json(&[word], job);
        };
        self.check_report(&report)?;
        let answer = self.host.complete(connection, &mut Cursor::new(job), at_most(limits::NODE_ANSWER));
        let answer = answer.map_err(|error| self.unreachable(error))?;
        self.parse(&shell::succeeded(&self.host, &format!("azml node {word}"), answer)?.out)
    }

    /// Returns an error if a ref was refused, or the pack.
    fn check_report(&self, report: &PushReport) -> Result<(), Error> {
        let refused = report.refs.iter().find_map(|(name, result)| Some((name, result.as_ref().err()?)));
        match (report.unpack.as_ref().err(), refused) {
            (None, None) => Ok(()),
            (Some(why), _) => Err(self.refused("the snapshot", why)),
            (None, Some((name, why))) => Err(self.refused(&name.as_bstr().to_string(), why)),
        }
    }

    fn refused(&self, name: &str, why: &client::Rejection) -> Error {
        Error::Ref { host: self.name(), name: name.to_owned(), why: why.to_string() }
    }

    /// Fetches the refs of runs into the same refs here; gives those that have some.
    pub fn fetch(&self, history: &HistoryRepo, handles: &[Handle]) -> Result<BTreeSet<RunId>, Error> {
        let parts = [InboxPart::Records, InboxPart::Attachments];
        let runs: BTreeSet<RunId> = handles.iter().filter_map(Handle::run_id).collect();
        let names = || runs.iter().flat_map(|run| parts.map(|part| refs::inbox(history.id(), run, part)));
        let prefixes: Vec<String> = if runs.len() > FEW {
            vec![refs::inboxes(history.id())]
        } else {
            names().map(|name| name.as_bstr().to_string()).collect()
        };
        let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
        let mut haves = Vec::new();
        for name in names() {
            haves.extend(history.ref_tip(name.as_ref())?);
        }
        let line = self.service_line(Service::UploadPack, history, None);
        let (_connection, found) = self.converse(&line, |connection| {
            let mut session = FetchSession::start(connection, &prefixes)?;
            let is_wanted = |name: &FullName| {
                refs::inbox_of(history.id(), name.as_ref())
                    .is_some_and(|(run, part)| parts.contains(&part) && runs.contains(&run))
            };
            let found: Vec<_> = session
                .refs()
                .iter()
                .filter(|found| is_wanted(&found.name))
                .map(|found| (found.name.clone(), found.id))
                .collect();
            let wants: Vec<_> =
                found.iter().map(|(_, id)| *id).filter(|id| !history.git().has_object(*id)).collect();
            if !wants.is_empty() {
                let request = FetchRequest { wants, haves: haves.clone(), depth: None, filter: None };
                session.fetch(history.git(), &request, &mut |_| {})?;
            }
            Ok(found)
        })?;
        history.put_inboxes(&found)?;
        let of = |name: &FullName| refs::inbox_of(history.id(), name.as_ref()).map(|(run, _)| run);
        let have_written: BTreeSet<RunId> = found.iter().filter_map(|(name, _)| of(name)).collect();
        // Now that there are records that name them.
        have_written.iter().try_for_each(|run| self.fetch_large(history, run))?;
        Ok(have_written)
    }

    /// A line of shell that serves the store of a project there. The history of a store that is empty begins with the commit
    /// `shallow`.
    fn service_line(&self, service: Service, history: &HistoryRepo, shallow: Option<ObjectId>) -> String {
        let shallow = shallow.map(|commit| commit.to_string());
        let shallow = shallow.as_ref().map_or_else(Vec::new, |commit| vec!["--shallow", commit]);
        let id = history.id().to_string();
        self.line(&[&["serve", service.as_str()], &shallow[..], &[&id]].concat())
    }

    /// Converses in Git's protocol with what a line of shell starts there; the connection, which goes on, and what came of it.
    fn converse<T>(
        &self,
        line: &str,
        with: impl Fn(&mut dyn Connection) -> Result<T, client::Error>,
    ) -> Result<(Ssh, T), Error> {
        match self.try_to_converse(line, &with) {
            // The shell's words, in whatever language, that there is no such program.
            Err(Error::Unreachable { source, .. })
                if matches!(source.kind, Kind::Other | Kind::NotFound)
                    && self.bring_again().unwrap_or(false) =>
            {
                self.try_to_converse(line, &with)
            }
            answer => answer,
        }
    }

    fn try_to_converse<T>(
        &self,
        line: &str,
        with: impl Fn(&mut dyn Connection) -> Result<T, client::Error>,
    ) -> Result<(Ssh, T), Error> {
        let mut ssh = self.host.start(line).map_err(|error| self.unreachable(error))?;
        match with(&mut ssh) {
            Ok(answer) => Ok((ssh, answer)),
            Err(client::Error::Transport(source)) => Err(self.unreachable(source)),
            // A line that broke amid a pack is no fault of the pack.
            Err(source) => Err(match ssh.into_broken() {
                Some(broken) => self.unreachable(broken),
                None => Error::Exchange { host: self.name(), source },
            }),
        }
    }
}

/// Pushes a snapshot to a ref of each run's own; nothing is reported if all have it.
fn push(
    connection: &mut dyn Connection,
    history: &HistoryRepo,
    commit: ObjectId,
    runs: &[&RunId],
) -> Result<Option<PushReport>, client::Error> {
    let mut session = PushSession::start(connection)?;
    let mut updates = Vec::new();
    for run in runs {
        let name = refs::inbox(history.id(), run, InboxPart::Code);
        let old = session.tip(&name);
        if old != Some(commit) {
            updates.push(PushUpdate { name, old, new: Some(commit) });
        }
    }
    if updates.is_empty() {
        return Ok(None);
    }
    // A store gets no more of the history than the runs' own snapshot, and later what was added since.
    let boundary = if session.refs().is_empty() { vec![commit] } else { Vec::new() };
    let request = PushRequest { updates, atomic: true, boundary, ..PushRequest::default() };
    session.push(history.git(), &request, &mut |_| {}).map(Some)
}
