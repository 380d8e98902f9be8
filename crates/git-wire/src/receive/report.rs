//! The report after a push: one line for the pack, one for each ref.

use super::commands::Request;
use crate::Error;
use crate::pktline::{MAX_DATA, Writer};

/// The longest reason that is told; more wouldn't be read, and has to fit into a line.
const MAX_REASON: usize = 4_000;

/// The result of storing the pack. The result for each ref stands with its command.
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
    let mut line = Vec::new();
    for command in &request.commands {
        let reason = match (&command.refusal, &outcome.unpack) {
            (Some(reason), _) => Some(one_line(&reason.to_string())),
            (None, Err(_)) => Some("unpacker error".to_owned()),
            (None, Ok(())) => None,
        };
        line.clear();
        line.extend_from_slice(if reason.is_some() { b"ng " } else { b"ok " });
        // The client finds its ref by the whole name: if both don't fit, the reason is cut.
        line.extend_from_slice(&command.name);
        if let Some(reason) = reason {
            line.push(b' ');
            line.extend_from_slice(reason.as_bytes());
        }
        line.truncate(MAX_DATA - 1);
        lines.text(&line)?;
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
