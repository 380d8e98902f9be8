//! The server's first message: version, capabilities, and before version 2 its refs.

use std::io::Read;

use gix::ObjectId;
use gix::refs::FullName;

use super::connection::lines;
use super::{Connection, Error, RemoteRef, refs};
use crate::capability::Capabilities;
use crate::limits::{MAX_ADVERTISEMENT_BYTES, MAX_REMOTE_REFS};
use crate::pktline::{Line, Reader};

/// The server's first message.
#[derive(Default)]
pub(super) struct Advertisement {
    pub(super) is_v2: bool,
    pub(super) capabilities: Capabilities,
    /// Before version 2 alone.
    pub(super) refs: Vec<RemoteRef>,
    /// Objects that the server has from elsewhere (`.have`).
    pub(super) extra: Vec<ObjectId>,
    /// Commits that the server has without their parents.
    pub(super) shallow: Vec<ObjectId>,
}

impl Advertisement {
    pub(super) fn read(connection: &mut dyn Connection) -> Result<Self, Error> {
        let is_stateless = connection.is_stateless();
        let mut lines = lines(is_stateless, connection.advertisement()?, MAX_ADVERTISEMENT_BYTES);
        let failed = |source| Error::read("what it offers", source);
        let mut first = match lines.read_line().map_err(failed)? {
            Some(line) => line.text().map(<[u8]>::to_vec),
            None => return Err(Error::Protocol("it hung up without a word".to_owned())),
        };
        if first.as_deref().is_some_and(|line| line.starts_with(b"# service=")) {
            // The preamble of HTTP, and its flush.
            while lines.expect_line().map_err(failed)? != Line::Flush {}
            first = lines.expect_line().map_err(failed)?.text().map(<[u8]>::to_vec);
        }
        if first.as_deref() == Some(b"version 2") {
            let mut capabilities = Capabilities::default();
            while let Some(word) = lines.expect_line().map_err(failed)?.text() {
                capabilities.push(word);
            }
            return Self { is_v2: true, capabilities, ..Self::default() }.checked();
        }
        if first.as_deref() == Some(b"version 1") {
            first = lines.expect_line().map_err(failed)?.text().map(<[u8]>::to_vec);
        }
        Self::read_refs(first, &mut lines)?.checked()
    }

    fn read_refs(first: Option<Vec<u8>>, lines: &mut Reader<impl Read>) -> Result<Self, Error> {
        let mut found = Self::default();
        // No line at all: an empty repository of an old server.
        let Some(first) = first else { return Ok(found) };
        if let Some(message) = first.strip_prefix(b"ERR ") {
            return Err(Error::remote(message));
        }
        let (line, capabilities) = Capabilities::split_line(&first);
        found.capabilities = capabilities;
        found.add(line)?;
        for _ in 0..MAX_REMOTE_REFS {
            let line = lines.expect_line().map_err(|source| Error::read("its refs", source))?;
            let Some(line) = line.text() else {
                refs::set_symref_targets(&mut found.refs, &found.capabilities);
                return Ok(found);
            };
            found.add(line)?;
        }
        Err(Error::too_much("refs", MAX_REMOTE_REFS))
    }

    fn add(&mut self, line: &[u8]) -> Result<(), Error> {
        if let Some(message) = line.strip_prefix(b"ERR ") {
            return Err(Error::remote(message));
        }
        if let Some(id) = line.strip_prefix(b"shallow ") {
            let id = ObjectId::from_hex(id);
            self.shallow.push(id.map_err(|_| Error::Protocol("a shallow commit has no id".to_owned()))?);
            return Ok(());
        }
        let (id, name) = refs::split_id(line)?;
        if name == b"capabilities^{}" {
            return Ok(());
        }
        if name == b".have" {
            self.extra.push(id);
            return Ok(());
        }
        if let Some(name) = name.strip_suffix(b"^{}") {
            if let Some(tag) = self.refs.last_mut().filter(|last| last.name.as_bstr() == name) {
                tag.peeled = Some(id);
            }
            return Ok(());
        }
        match FullName::try_from(bstr::BStr::new(name)) {
            Ok(name) => self.refs.push(RemoteRef { name, id, peeled: None, symref_target: None }),
            Err(_) => {
                tracing::debug!(name = %bstr::BStr::new(name), "a ref with an impossible name is passed over");
            }
        }
        Ok(())
    }

    fn checked(self) -> Result<Self, Error> {
        match self.capabilities.value("object-format") {
            Some(format) if format != "sha1" => {
                Err(Error::Protocol(format!("its objects are named by {format}, and not by sha1")))
            }
            _ => Ok(self),
        }
    }
}
