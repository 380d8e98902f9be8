//! `azml experiment logs`.

use std::ffi::OsStr;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use azml_core::run::RunRecord;

use crate::commands::args::{LinkedProjectArgs, RunArg};
use crate::context::{Context, Opened};
use crate::engine::{self, Handle};
use crate::error::{CommandError, ErrorKind};
use crate::ops::{fetch, remote, runs};
use crate::run::attachments::{Attachments, DRIVER_LOG};
use crate::run::signals::Cancel;
use crate::ui::{Output, Ui};

/// The time between two reads of a log that is followed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Print what a run prints
///
/// Of a run on another target azml asks the target; of one that is over it prints `driver_log.txt`.
///
/// Example: `azml experiment logs -r RUN --follow`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// Print new lines until the run ends; Ctrl-C ends the printing, not the run
    #[arg(long, short)]
    follow: bool,
    /// Begin at this byte
    #[arg(long, value_name = "BYTE", default_value_t = 0)]
    from: u64,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Prints the log.
pub fn run(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let record = args.run.resolve(ctx, &opened)?;
    if let Some(handle) = Handle::of(&record).filter(|_| !record.status.is_over()) {
        if args.follow {
            return follow_from(ui, ctx, &opened, &record, args.from);
        }
        ui.write_out(&engine::of(ctx, &handle)?.output(&handle, args.from)?)?;
        return Ok(Output::Nothing);
    }
    let path = OsStr::new(DRIVER_LOG);
    if args.follow && runs::is_in_progress(ctx, &opened, &record)? {
        follow_here(ui, ctx, &opened, &record, path)?;
        return Ok(Output::Nothing);
    }
    let attachments = fetch::attachments(ctx, &opened, &record, args.project.token())?;
    let failed = |error| CommandError::file("read", attachments.folder(), error);
    let log = attachments.open(DRIVER_LOG.as_ref()).map_err(failed)?;
    let mut log = log.ok_or_else(|| CommandError::not_found(format!("run {} has no log", record.run_id)))?;
    log.seek(SeekFrom::Start(args.from)).map_err(failed)?;
    ui.copy_out(&mut log.by_ref())?;
    Ok(Output::Nothing)
}

/// Prints what a run of an engine prints, to its end.
pub fn follow(
    ui: &Arc<Ui>,
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
) -> Result<Output, CommandError> {
    follow_from(ui, ctx, opened, record, 0)
}

fn follow_from(
    ui: &Arc<Ui>,
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    from: u64,
) -> Result<Output, CommandError> {
    let handle = Handle::of(record).ok_or_else(|| CommandError::failed("the run is on no target"))?;
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    match remote::follow(ctx, opened, record, (&handle, from), &**ui, cancel.received())? {
        remote::Followed::Ended(_) => Ok(Output::Nothing),
        remote::Followed::Left => {
            Err(CommandError::new(ErrorKind::Interrupted, format!("run {} goes on", record.run_id)))
        }
    }
}

/// Prints a file of a run in progress on this computer as it grows, to the run's end; returns whether there was such a file.
pub fn follow_here(
    ui: &Ui,
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    path: &OsStr,
) -> Result<bool, CommandError> {
    let attachments = Attachments::of(&opened.history, &record.submitted_as());
    let failed = |error| CommandError::file("read", attachments.folder(), error);
    let mut file = None;
    loop {
        // Asked first, so that what comes between the last look and the end is printed too.
        let goes_on = runs::is_in_progress(ctx, opened, record)?;
        if file.is_none() {
            file = attachments.open(&attachments.path_of(path)).map_err(failed)?;
        }
        if let Some(file) = &mut file {
            // Begun anew since: from its start again.
            let at = file.stream_position().map_err(failed)?;
            if file.metadata().map_err(failed)?.len() < at {
                file.seek(SeekFrom::Start(0)).map_err(failed)?;
            }
            ui.copy_out(&mut file.by_ref())?;
        }
        if ui.reader_is_gone() {
            return Ok(true);
        }
        if !goes_on {
            return Ok(file.is_some());
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
