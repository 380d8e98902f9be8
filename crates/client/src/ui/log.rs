//! The log: what the libraries trace, on standard error, for `--verbose`, `--debug` and the setting `log`.
//!
//! Spans and events carry no secrets by the rule of every crate: URLs are logged without user and password.

use tracing_subscriber::EnvFilter;

/// Starts logging, by a filter of the user's if there is one; returns whether anything will be logged.
pub fn start_log(filter: Option<&str>, verbose: bool, debug: bool, color: bool) -> bool {
    let filter = match filter {
        Some(filter) => filter.to_owned(),
        None if debug => "azml=debug,azml_core=debug,git_wire=debug".to_owned(),
        None if verbose => "azml=info,azml_core=info,git_wire=info".to_owned(),
        None => return false,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse_lossy(filter))
        .with_writer(std::io::stderr)
        .with_ansi(color)
        .with_target(true);
    // A second start in one process (tests) keeps the first subscriber.
    drop(subscriber.try_init());
    true
}
