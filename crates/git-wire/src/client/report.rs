//! The server's report about a push: `report-status` and `report-status-v2`.

use std::collections::HashMap;
use std::io::Read;

use super::refs::excerpt;
use super::{Error, Rejection, ServerText};
use crate::pktline::{Line, Reader};

/// The report as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) unpack: Result<(), Rejection>,
    pub(super) refs: HashMap<Vec<u8>, Result<(), Rejection>>,
}

/// Reads a report to its flush line.
pub(super) fn read(lines: &mut Reader<impl Read>) -> Result<Report, Error> {
    let mut report = Report { unpack: Err(Rejection::Unreported), refs: HashMap::new() };
    loop {
        let line = match lines.read_line().map_err(|source| Error::read("the report", source))? {
            Some(Line::Data(line)) => line.strip_suffix(b"\n").unwrap_or(line),
            // Some servers hang up in the place of the last flush.
            _ => return Ok(report),
        };
        if let Some(message) = line.strip_prefix(b"ERR ") {
            return Err(Error::remote(message));
        }
        if let Some(result) = line.strip_prefix(b"unpack ") {
            report.unpack = if result == b"ok" { Ok(()) } else { Err(reason(result)) };
        } else if let Some(name) = line.strip_prefix(b"ok ") {
            report.refs.insert(name.to_vec(), Ok(()));
        } else if let Some(rest) = line.strip_prefix(b"ng ") {
            let (name, rejection) = match rest.iter().position(|byte| *byte == b' ') {
                Some(space) => (&rest[..space], reason(&rest[space + 1..])),
                None => (rest, Rejection::NoReason),
            };
            report.refs.insert(name.to_vec(), Err(rejection));
        } else if !line.starts_with(b"option ") {
            return Err(Error::Protocol(format!("`{}` is no line of a report", excerpt(line))));
        }
    }
}

fn reason(text: &[u8]) -> Rejection {
    Rejection::Server(ServerText::of_report(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pktline::Writer;

    #[test]
    fn reasons_come_word_for_word() {
        let mut wire = Writer::new(Vec::new());
        for line in [
            "unpack ok",
            "ok refs/heads/good",
            "option refname refs/heads/other",
            "ng refs/heads/bad TF402455: pushes not permitted",
        ] {
            wire.text(line).unwrap();
        }
        wire.flush_line().unwrap();
        let report = read(&mut Reader::new(wire.into_inner().as_slice())).unwrap();
        assert_eq!(report.unpack, Ok(()));
        assert_eq!(report.refs[b"refs/heads/good".as_slice()], Ok(()));
        assert_eq!(report.refs[b"refs/heads/bad".as_slice()], Err(reason(b"TF402455: pushes not permitted")));
    }

    #[test]
    fn a_report_without_a_word_is_no_success() {
        assert!(read(&mut Reader::new(b"0000".as_slice())).unwrap().unpack.is_err());
    }
}
