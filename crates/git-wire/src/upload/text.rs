//! Text of the client's that messages quote.

/// Returns the start of a line, escaped.
pub(super) fn shorten(line: &[u8]) -> String {
    line.iter().take(100).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
