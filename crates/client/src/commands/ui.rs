//! `azml ui`.

use crate::commands::args::ProjectArgs;

/// Show the runs in a browser: lists, charts, logs and code; restore snapshots
///
/// Serves the project's pages to this computer only, and opens them. The address contains a key, which is new at each
/// start. The pages follow runs in progress. A restore first shows what it would change, and can be undone. Ctrl-C ends
/// the server.
///
/// With `--mlflow` it serves MLflow's tracking API instead, over all runs of the history and read-only, and MLflow's own
/// pages where the project's Python has the package `mlflow`. The printed address is what `MLFLOW_TRACKING_URI` takes.
///
/// Examples: `azml ui`; on a computer that you are signed in to by SSH: `azml ui --no-open --port 8090`, and here `ssh
/// -L 8090:127.0.0.1:8090 HOST`, then open the printed address.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The port to listen at; a free one if it is not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    /// Only print the address
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Serve MLflow's tracking API and pages over the history instead
    #[arg(long)]
    pub(crate) mlflow: bool,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
}
