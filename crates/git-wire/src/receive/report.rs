//! What is told after a push: one line for the pack, one for each ref.

use bstr::ByteSlice;

use super::commands::Request;
use crate::Error;
use crate::pktline::Writer;

/// The longest reason that is told; more wouldn't be read, and has to fit into a line.
const MAX_REASON: usize = 4_000;

/// What became of the pack. What became of each ref stands with its command.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) unpack: Result<(), String>,
}

/// The report, as packet lines.
pub(super) fn encode(outcome: &Outcome, request: &Request) -> Result<Vec<u8>, Error> {
    let mut report = Vec::new();
    let mut lines = Writer::new(&mut report);
    match &outcome.unpack {
        Ok(()) => lines.text("unpack ok")?,
        Err(reason) => lines.text(format!("unpack {}", one_line(reason)))?,
    }
    for command in &request.commands {
        let name = command.name.as_bstr();
        match (&command.refusal, &outcome.unpack) {
            (Some(reason), _) => lines.text(format!("ng {name} {}", one_line(reason)))?,
            (None, Err(_)) => lines.text(format!("ng {name} unpacker error"))?,
            (None, Ok(())) => lines.text(format!("ok {name}"))?,
        }
    }
    lines.flush_line()?;
    Ok(report)
}

fn one_line(reason: &str) -> String {
    reason
        .chars()
        .take(MAX_REASON)
        .map(|char| if matches!(char, '\n' | '\r' | '\0') { ' ' } else { char })
        .collect()
}
