//! The refs of a remote repository, as its server lists them.

use bstr::BStr;
use gix::ObjectId;
use gix::refs::FullName;

use super::connection::lines;
use super::{Connection, Error};
use crate::capability::Capabilities;
use crate::limits::{MAX_ADVERTISEMENT_BYTES, MAX_REMOTE_REFS, MAX_REMOTE_SYMREFS};
use crate::pktline::Writer;

/// One ref of the remote repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// Its full name.
    pub name: FullName,
    /// The object it points to.
    pub id: ObjectId,
    /// The object that an annotated tag finally points to.
    pub peeled: Option<ObjectId>,
    /// The ref that a symbolic ref stands for.
    pub symref_target: Option<FullName>,
}

/// Splits `<id> <rest>`.
pub(super) fn split_id(line: &[u8]) -> Result<(ObjectId, &[u8]), Error> {
    let odd = || Error::Protocol(format!("`{}` is no line of a list of refs", excerpt(line)));
    let space = line.iter().position(|byte| *byte == b' ').ok_or_else(odd)?;
    let id = ObjectId::from_hex(&line[..space]).map_err(|_| odd())?;
    Ok((id, &line[space + 1..]))
}

/// The beginning of a foreign line, fit for a message.
pub(super) fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .chars()
        .take(120)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Before version 2, `symref=HEAD:refs/heads/x` among the capabilities says what a symbolic ref stands for.
pub(super) fn set_symref_targets(refs: &mut [RemoteRef], capabilities: &Capabilities) {
    for value in capabilities.values("symref").take(MAX_REMOTE_SYMREFS) {
        let Some(colon) = value.iter().position(|byte| *byte == b':') else { continue };
        let (name, target) = (&value[..colon], &value[colon + 1..]);
        let Ok(target) = FullName::try_from(BStr::new(target)) else { continue };
        if let Some(symref) = refs.iter_mut().find(|found| found.name.as_bstr() == name) {
            symref.symref_target = Some(target);
        }
    }
}

/// Asks for the refs that start with one of the prefixes: version 2's `ls-refs`.
pub(super) fn ls_refs(
    connection: &mut dyn Connection,
    capabilities: &Capabilities,
    prefixes: &[&str],
) -> Result<Vec<RemoteRef>, Error> {
    let is_stateless = connection.is_stateless();
    let mut request = Writer::new(Vec::new());
    let written = (|| {
        request.text("command=ls-refs")?;
        super::write_command_capabilities(&mut request, capabilities)?;
        request.delimiter()?;
        request.text("peel")?;
        request.text("symrefs")?;
        for prefix in prefixes {
            request.text(format!("ref-prefix {prefix}"))?;
        }
        request.flush_line()
    })();
    written.map_err(|source| Error::read("the request for its refs", source))?;
    let request = request.into_inner();
    let answer = connection.exchange(&mut request.as_slice())?;
    let mut answer = lines(is_stateless, answer, MAX_ADVERTISEMENT_BYTES);
    let mut refs = Vec::new();
    while let Some(line) = answer.expect_line().map_err(|source| Error::read("its refs", source))?.text() {
        if let Some(message) = line.strip_prefix(b"ERR ") {
            return Err(Error::remote(message));
        }
        if line.starts_with(b"unborn ") {
            continue;
        }
        if refs.len() as u64 >= MAX_REMOTE_REFS {
            return Err(Error::too_much("refs", MAX_REMOTE_REFS));
        }
        refs.extend(parse(line)?);
    }
    Ok(refs)
}

/// One line of `ls-refs`; `None` for a name that no ref can have.
fn parse(line: &[u8]) -> Result<Option<RemoteRef>, Error> {
    let (id, rest) = split_id(line)?;
    let mut words = rest.split(|byte| *byte == b' ');
    let name = words.next().unwrap_or_default();
    let Ok(name) = FullName::try_from(BStr::new(name)) else { return Ok(None) };
    let mut found = RemoteRef { name, id, peeled: None, symref_target: None };
    for word in words {
        if let Some(target) = word.strip_prefix(b"symref-target:") {
            found.symref_target = FullName::try_from(BStr::new(target)).ok();
        } else if let Some(peeled) = word.strip_prefix(b"peeled:") {
            found.peeled = ObjectId::from_hex(peeled).ok();
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789012345678901234567890123456789";
    const PEELED: &str = "1111111111111111111111111111111111111111";

    #[test]
    fn a_line_with_attributes_reads_as_it_says() {
        let line = format!("{ID} HEAD symref-target:refs/heads/main peeled:{PEELED} new:thing");
        let found = parse(line.as_bytes()).unwrap().unwrap();
        assert_eq!(found.name.as_bstr(), "HEAD");
        assert_eq!(found.symref_target.unwrap().as_bstr(), "refs/heads/main");
        assert_eq!(found.peeled.unwrap().to_string(), PEELED);
    }

    #[test]
    fn impossible_names_are_passed_over_and_odd_lines_refused() {
        assert_eq!(parse(format!("{ID} refs/heads/../x").as_bytes()).unwrap(), None);
        assert!(parse(b"refs/heads/x").is_err());
        assert!(parse(b"0123 refs/heads/x").is_err());
    }
}
