//! Large files to and from a node: what one side lacks, over the same connection as the snapshot.

use std::io::{self, Cursor};

use azml_core::fsck;
use azml_core::history::HistoryRepo;
use azml_core::id::RunId;
use azml_core::large::Pointer;
use azml_core::run::RunStore;
use gix::ObjectId;

use super::Node;
use crate::engine::{Error, objects, shell};
use crate::limits;
use crate::notices::Progress;
use crate::text::size;
use crate::transport::host::Host;

impl Node {
    /// Brings the large files of a snapshot there, as far as they are not there. Each that has arrived stays there, however this ends.
    pub(super) fn bring_large(&self, history: &HistoryRepo, commit: ObjectId) -> Result<(), Error> {
        let of_snapshot = fsck::large_files_of(history, [commit]);
        let wanted: Vec<Pointer> = of_snapshot.into_iter().map(|(oid, size)| Pointer { oid, size }).collect();
        for part in wanted.chunks(limits::NODE_LARGE_FILES) {
            let lacking = self.lacks(history, part)?;
            if lacking.is_empty() {
                continue;
            }
            let step = self.notices.progress(&format!("Sending large files to {}", self.name()));
            let mut told = telling(&*step, &lacking);
            let mut stream = objects::Sending::new(history.large_files(), &lacking, &mut told);
            let line = self.line(&["large-take", &history.id().to_string()]);
            shell::run(&self.host, "azml node large-take", &line, &mut stream)?;
        }
        Ok(())
    }

    /// Those of the large files that are not there.
    fn lacks(&self, history: &HistoryRepo, pointers: &[Pointer]) -> Result<Vec<Pointer>, Error> {
        let id = history.id().to_string();
        // A store on this computer gets links to what is here.
        let here = history.path().to_str().filter(|_| matches!(self.host, Host::Here));
        let from = here.map_or_else(Vec::new, |path| vec!["--from", path]);
        let words = [&["large-lacks"], &from[..], &[&id]].concat();
        let answer = self.azml(&words, objects::list(pointers).as_bytes())?;
        objects::parse_list(&String::from_utf8_lossy(&answer)).map_err(|source| self.objects(source))
    }

    /// Fetches the large files that a run has left, by its records here, as far as they are not here.
    pub(super) fn fetch_large(&self, history: &HistoryRepo, run: &RunId) -> Result<(), Error> {
        let records = RunStore::new(&history.for_run(run.clone())).all().map_err(|error| Error::Refused {
            host: self.name(),
            why: format!("the record of run {run} can't be read: {error}"),
        })?;
        let store = history.large_files();
        let mut wanted: Vec<Pointer> =
            records.iter().flat_map(|record| record.large_attachments().into_values()).collect();
        wanted.retain(|pointer| !store.has(pointer));
        wanted.sort_unstable_by_key(|pointer| pointer.oid);
        wanted.dedup();
        for part in wanted.chunks(limits::NODE_LARGE_FILES) {
            let step = self.notices.progress(&format!("Fetching large files from {}", self.name()));
            let mut told = telling(&*step, part);
            let line = self.line(&["large-give", &history.id().to_string()]);
            let mut list = Cursor::new(objects::list(part).into_bytes());
            let answer = self
                .host
                .run_with(&line, &mut list, |output| match objects::receive(history, output, &mut told) {
                    // A line that says nothing more is not waited for.
                    Err(objects::Error::Cut(error)) if error.kind() == io::ErrorKind::TimedOut => Err(error),
                    received => Ok(received),
                })
                .map_err(|error| self.unreachable(error))?;
            let received = shell::succeeded(&self.host, "azml node large-give", answer)?.out;
            // They are on no other computer for long: this one brings them to the remote.
            let came: Vec<Pointer> = part.iter().copied().filter(|pointer| store.has(pointer)).collect();
            history.add_large_unpushed(&came)?;
            received.map_err(|source| self.objects(source))?;
        }
        Ok(())
    }

    fn objects(&self, source: objects::Error) -> Error {
        Error::Objects { host: self.name(), source }
    }
}

/// Shows how much of some objects has passed.
fn telling<'p>(step: &'p dyn Progress, pointers: &[Pointer]) -> impl FnMut(u64) + Send + 'p {
    let whole: u64 = pointers.iter().map(|pointer| pointer.size).sum();
    move |done| step.part(done, whole, &format!("{} of {}", size(done), size(whole)))
}
