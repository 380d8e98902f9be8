//! `azml experiment submit`.

use std::ffi::OsString;
use std::sync::Arc;

use azml_core::run::{RunRecord, Status};

use super::detach::{self, Detached};
use super::options::RunOptions;
use crate::context::{Context, Opened};
use crate::engine::{self, Handle};
use crate::error::{CommandError, ErrorKind};
use crate::ops::remote::{self, Followed};
use crate::ops::runs;
use crate::ops::submit::{self, Plan, Wanted};
use crate::run::attachments::{CONTROL_LOG, DRIVER_LOG};
use crate::run::console::Console;
use crate::run::streams::Stream;
use crate::run::{detached, killed};
use crate::ui::{Output, Ui};

/// Run a script: snapshot the project folder, record the run, and push both meanwhile
///
/// The script runs in a folder of its own that has exactly the snapshot's files, with links to ignored inputs such as
/// data folders. azml keeps `outputs/`, `logs/` and the outputs that the run configuration declares (`outputs: [ckpt/,
/// '*.pt']`) with the run. It keeps other files that the script writes on this computer for `keep_days` days: see `azml
/// run files`. Ctrl-C cancels the run.
///
/// azml looks for secrets: it leaves such files out of the snapshot and names them, does not push such outputs, and
/// writes `***` in recorded arguments and pushed logs. The script gets its arguments as they are.
///
/// In the run's folder, links out of the project lead to the same targets. Environment variables that contain the
/// project folder's path (PYTHONPATH, PATH, any other) contain the path of the run's folder instead, except for inputs
/// that are linked into it, such as a virtual environment. The script reads the terminal as it would without azml.
/// After it has read from the terminal, it receives Ctrl-C too.
///
/// Example: `azml experiment submit -c local train.py --alpha 0.1`. Everything after SCRIPT goes to the script.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: RunOptions,
    /// The script, relative to the project, or a program on the PATH, followed by its arguments; or a .runconfig file
    /// that names both
    #[arg(value_name = "SCRIPT", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

/// Submits the run and waits for its end.
pub fn run(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    submit(ui, ctx, &args.options, &args.command, Wanted::Script)
}

/// Submits a run of `command`, which is `as_wanted` if no option says otherwise, and waits for its end.
pub fn submit(
    ui: &Arc<Ui>,
    ctx: &Context,
    args: &RunOptions,
    command: &[OsString],
    as_wanted: fn(Vec<String>) -> Wanted,
) -> Result<Output, CommandError> {
    let mut options = args.read(command, as_wanted)?;
    let is_watching = args.shared.detach && detached::is_second(&ctx.env);
    let opened = args.shared.project.open(ctx)?;
    if let Some(parent) = &args.parent {
        options.label.parent = Some(runs::resolve(ctx, &opened, parent)?.run_id);
    }
    let plan = submit::plan(ctx, &opened, options)?;
    if let Some(place) = engine::place(&plan.config.compute)? {
        let record = elsewhere(ui, ctx, (&opened, &plan), &place, args.shared.detach)?;
        return record.map_or(Ok(Output::Nothing), |record| result(&record, args.propagate_exit_code));
    }
    if args.shared.detach && !is_watching {
        return detach::start(ui, ctx);
    }
    let console: Arc<dyn Console> =
        if is_watching { Arc::new(Detached(Arc::clone(ui))) } else { Arc::clone(ui) as _ };
    let record = submit::submit(ctx, &opened, &plan, &console)?;
    result(&record, args.propagate_exit_code)
}

/// Gives the run to an engine, and shows what it prints to its end; gives its record then. With `detach` it goes on alone.
pub(super) fn elsewhere(
    ui: &Arc<Ui>,
    ctx: &Context,
    (opened, plan): (&Opened, &Plan),
    place: &Handle,
    detach: bool,
) -> Result<Option<RunRecord>, CommandError> {
    if plan.in_place {
        return Err(CommandError::usage("--in-place is for runs on this computer"));
    }
    let console: Arc<dyn Console> = Arc::clone(ui) as _;
    let sent = submit::elsewhere::send(ctx, opened, plan, place, &console)?;
    let left = |record: &RunRecord| {
        let id = &record.run_id;
        ctx.notices.status(&format!("Run {id} goes on on {}", sent.handle.place()));
        ctx.notices.hint(&format!("its output: {{azml}} experiment logs -r {id} --follow"));
        ctx.notices.hint(&format!("to end it: {{azml}} experiment cancel -r {id}"));
    };
    if detach {
        left(&sent.record);
        if let Some(push) = sent.push {
            push.finish(ctx, opened, &sent.cancel, "run");
        }
        return Ok(None);
    }
    let received = sent.cancel.received();
    let followed = remote::follow(ctx, opened, &sent.record, (&sent.handle, 0), &**ui, received)?;
    let record = match followed {
        Followed::Ended(record) => *record,
        Followed::Left => {
            left(&sent.record);
            let id = &sent.record.run_id;
            return Err(CommandError::new(ErrorKind::Interrupted, format!("run {id} is no longer followed")));
        }
    };
    if let Some(push) = sent.push {
        push.push();
        push.finish(ctx, opened, &sent.cancel, "run");
    }
    Ok(Some(record))
}

/// The result of a command that has seen a run's end.
pub(super) fn result(record: &RunRecord, propagates: bool) -> Result<Output, CommandError> {
    let id = &record.run_id;
    if let Some(why) = killed::failure_of(record) {
        return Err(CommandError::failed(format!("run {id} failed: {why}"))
            .hint(format!("what azml did: {{azml}} history info -r {id} -a {CONTROL_LOG}")));
    }
    let (text, hint, log) = match (record.status, record.exit_code) {
        (Status::Completed, _) => return Ok(Output::Nothing),
        (Status::Canceled, _) => {
            return Err(CommandError::new(ErrorKind::Interrupted, format!("run {id} was canceled")));
        }
        (_, Some(code)) => (format!("ended with exit code {code}"), "its output again", DRIVER_LOG),
        (_, None) => {
            let by = killed::of_record(record).map_or_else(String::new, |signal| format!(" by {signal}"));
            (format!("was killed{by}"), "what azml did", CONTROL_LOG)
        }
    };
    let code = killed::exit_code(record).filter(|_| propagates);
    let kind = code.map_or(ErrorKind::Failed, ErrorKind::Program);
    let error = CommandError::new(kind, format!("run {id} failed: the script {text}"));
    Err(with_hint(error, killed::hint(record))
        .hint(format!("{hint}: {{azml}} history info -r {id} -a {log}")))
}

/// The terminal. A reader that went away does not stop the run.
impl Console for Ui {
    fn recorded(&self, record: &RunRecord) {
        drop(self.write_out(format!("RunId: {}\n", record.run_id).as_bytes()));
    }

    fn output(&self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Out => drop(self.write_out(bytes)),
            Stream::Err => self.write_err(bytes),
        }
    }

    fn is_terminal(&self, stream: Stream) -> bool {
        match stream {
            Stream::Out => self.out_is_terminal(),
            Stream::Err => self.err_is_terminal(),
        }
    }

    fn ended(&self, details: &str) {
        drop(self.write_out(details.as_bytes()));
    }
}

fn with_hint(error: CommandError, hint: Option<String>) -> CommandError {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
