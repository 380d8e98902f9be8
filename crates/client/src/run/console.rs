//! The output of a run for the person who submitted it.

use azml_core::run::RunRecord;

use super::streams::Stream;

/// Shows a run while it goes on.
pub trait Console: Send + Sync {
    /// Called when the run is recorded, before its script starts.
    fn recorded(&self, record: &RunRecord);

    /// Called when the program has started.
    fn started(&self) {}

    /// Takes bytes that the script wrote.
    fn output(&self, stream: Stream, bytes: &[u8]);

    /// Returns whether a stream is a terminal.
    fn is_terminal(&self, stream: Stream) -> bool;

    /// Called when the record is complete, before the last push; `details` is the text that ends the run's output.
    fn ended(&self, details: &str);
}
