//! `azml sweep`: a command as one run for each combination of parameters.

use std::ffi::OsString;
use std::sync::Arc;

use azml_core::run::{RunRecord, Status, format};
use clap::ValueEnum;
use serde_json::Value;

use super::args::{LinkedProjectArgs, ProjectArgs};
use super::experiment::detach;
use super::experiment::options::{ProgramArgs, SharedOptions};
use super::history::listing;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::limits::{SWEEP_MEMBERS, SWEEP_PARALLEL};
use crate::ops::runs;
use crate::ops::submit::Wanted;
use crate::ops::sweep::{self, Event, Mode, Place, Request, Resume, Swept};
use crate::run::detached;
use crate::run::parameters::pair;
use crate::text::{clean_line, significant};
use crate::ui::{Output, Ui};

/// The digits of a metric in the line of a run.
const DIGITS: usize = 6;

/// Run a command once for each combination of parameters; resume a sweep; find the best of its runs
///
/// COMMAND is what `azml run` takes: a program, a script, a notebook; or `-m MODULE`, or `--shell LINE`. All runs have one
/// snapshot and folders of their own, and several run at once. `{lr}` in COMMAND becomes the value of the
/// parameter `lr`; a parameter that COMMAND has no `{name}` for is appended as `--name value`. `{{name}}` stays `{name}`.
///
/// VALUES are a list (`0.1,0.01`), a range of integers with both ends (`2..5`), or a range with a step
/// (`0.1..0.5:0.1`). Without --random there is a run for each combination, at most 10000.
///
/// The output of each run is in its log: `azml history info -r RUN -a driver_log.txt`. Ctrl-C ends all runs. `azml sweep
/// resume SWEEP` runs what has not completed. `azml history list --parent SWEEP` lists the runs.
///
/// Example: `azml sweep --param lr=0.1,0.01 --param depth=2..5 --metric accuracy -- python train.py`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, args_conflicts_with_subcommands = true)]
#[command(subcommand_value_name = "resume|best")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// A parameter and its values; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUES", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// Choose N different combinations at random
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SWEEP_MEMBERS))]
    random: Option<u64>,
    /// The seed for --random: the same seed chooses the same combinations [default: 0]
    #[arg(long, value_name = "S", requires = "random")]
    seed: Option<u64>,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    options: SharedOptions,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// The options by which a sweep goes on and is shown.
#[derive(Debug, clap::Args)]
struct Shown {
    /// The most runs at a time [default: the number of processors; on Slurm as many as it has room for]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..=SWEEP_PARALLEL))]
    max_parallel: Option<u64>,
    #[command(flatten)]
    order: Order,
}

/// The metric by which runs are compared.
#[derive(Debug, clap::Args)]
struct Order {
    /// Show this metric of each run, and sort the runs by it
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// The better values of the metric
    #[arg(long, value_enum, default_value_t = Better::Max)]
    mode: Better,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Better {
    /// The larger ones
    Max,
    /// The smaller ones
    Min,
}

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Resume(ResumeArgs),
    Best(BestArgs),
}

/// Run the members of a sweep that have not completed
///
/// They run on the sweep's snapshot, whatever the project folder has by now. What a killed azml has left running of the
/// sweep is ended first. The record of a sweep has neither secrets of its command nor the values of `--env`: they are
/// given again, the command as a whole, with its placeholders.
///
/// Examples: `azml sweep resume iris_1504832281116`, `azml sweep resume iris_1504832281116 --env API_KEY=X`, `azml sweep
/// resume iris_1504832281116 -- python train.py --password X`.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The sweep: the id of its run, or an unambiguous beginning of it or of its number
    #[arg(value_name = "SWEEP")]
    sweep: String,
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    project: LinkedProjectArgs,
    /// The sweep's command, with the secrets that its record lacks
    #[arg(value_name = "COMMAND", last = true)]
    words: Vec<OsString>,
}

/// Show the completed run of a sweep that is best by a metric
///
/// Example: `azml sweep best iris_1504832281116 --metric auc`.
#[derive(Debug, clap::Args)]
pub struct BestArgs {
    /// The sweep: the id of its run, or an unambiguous beginning of it or of its number
    #[arg(value_name = "SWEEP")]
    sweep: String,
    /// The metric
    #[arg(long, value_name = "NAME")]
    metric: String,
    /// The better values of the metric
    #[arg(long, value_enum, default_value_t = Better::Max)]
    mode: Better,
    #[command(flatten)]
    project: ProjectArgs,
}

impl From<Better> for Mode {
    fn from(better: Better) -> Self {
        match better {
            Better::Max => Self::Max,
            Better::Min => Self::Min,
        }
    }
}

/// Starts a sweep, or runs one of the group's commands.
pub fn run(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    match &args.command {
        Some(Command::Resume(args)) => resume(ui, ctx, args),
        Some(Command::Best(args)) => best(ctx, args),
        None => start(ui, ctx, args),
    }
}

fn start(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let options = args.options.read(&args.words, Wanted::Command)?;
    if options.wanted == Wanted::Command(Vec::new()) {
        return Err(CommandError::usage("a sweep has a command")
            .hint("{azml} sweep --param lr=0.1,0.01 -- python train.py"));
    }
    let is_watching = args.options.detach && detached::is_second(&ctx.env);
    if args.options.detach && !is_watching {
        return detach::start(ui, ctx);
    }
    let opened = args.options.project.open(ctx)?;
    let request = Request {
        parameters: args.parameters.clone(),
        sample: args.random.map(|count| (count, args.seed.unwrap_or_default())),
        parallel: args.shown.parallel(),
        options,
    };
    let mut lines = Lines::new(ui, &args.shown.order);
    let swept = sweep::start(ctx, &opened, request, &mut |event| {
        lines.tell(&event);
        if is_watching && matches!(event, Event::Recorded(..)) {
            detach::leave();
        }
    })?;
    result(ui, swept, &args.shown.order)
}

fn resume(ui: &Ui, ctx: &Context, args: &ResumeArgs) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let record = runs::resolve(ctx, &opened, &args.sweep)?;
    let wanted = args.program.wanted(&args.words, Wanted::Command)?;
    let options = Resume {
        program: Some(wanted).filter(|wanted| *wanted != Wanted::Command(Vec::new())),
        environment: args.program.environment(),
        parallel: args.shown.parallel(),
        token: args.project.token(),
    };
    let mut lines = Lines::new(ui, &args.shown.order);
    let swept = sweep::resume(ctx, &opened, &record, options, &mut |event| lines.tell(&event))?;
    result(ui, swept, &args.shown.order)
}

fn best(ctx: &Context, args: &BestArgs) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let record = runs::resolve(ctx, &opened, &args.sweep)?;
    let best = sweep::best(&opened, &record, &args.metric, args.mode.into())?;
    Ok(Output::Value(Value::Object(runs::fields(&best))))
}

impl Shown {
    fn parallel(&self) -> Option<usize> {
        self.max_parallel.and_then(|most| usize::try_from(most).ok())
    }
}

/// Prints a line for each start and end.
struct Lines<'u> {
    ui: &'u Ui,
    order: &'u Order,
    ended: usize,
}

impl<'u> Lines<'u> {
    fn new(ui: &'u Ui, order: &'u Order) -> Self {
        Self { ui, order, ended: 0 }
    }

    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Recorded(record, todo) => {
                self.print(&format!("RunId: {}", record.run_id));
                self.ui.status(&format!("{todo} runs to do"));
            }
            Event::Started(place) => self.print(&format!("{} Running", words_of(place))),
            Event::Ended(place, record, error) => {
                self.ended += 1;
                let duration = record.duration().map(format::duration).unwrap_or_default();
                let seconds = duration.split('.').next().unwrap_or_default();
                let metrics = record
                    .metrics
                    .iter()
                    .filter(|(name, _)| self.order.metric.as_ref().is_none_or(|metric| metric == *name));
                let metrics = metrics
                    .filter_map(|(name, metric)| Some((name, metric.as_f64()?)))
                    .map(|(name, number)| format!("{name}={}", significant(number, DIGITS)));
                let state = format!("{} {} {seconds}", words_of(place), record.status);
                self.print(&std::iter::once(state).chain(metrics).collect::<Vec<_>>().join(" "));
                if let Some(error) = error {
                    self.ui.warning(&format!("run {}: {}", record.run_id, error.chain().join(": ")));
                }
            }
        }
    }

    /// A reader that went away does not stop the sweep.
    fn print(&self, line: &str) {
        drop(self.ui.write_out(format!("{}\n", clean_line(line)).as_bytes()));
    }
}

/// `3/12 lr=0.1 depth=2`.
fn words_of(place: &Place<'_>) -> String {
    let values = place.values.iter().map(|(name, value)| format!("{name}={value}"));
    let place = format!("{}/{}", place.number, place.of);
    std::iter::once(place).chain(values).collect::<Vec<_>>().join(" ")
}

/// The result of a sweep that has ended: its runs, and whether all have completed.
fn result(ui: &Ui, swept: Swept, order: &Order) -> Result<Output, CommandError> {
    let Swept { sweep, mut members, of } = swept;
    if let Some(metric) = &order.metric {
        sweep::sort(&mut members, metric, order.mode.into());
    }
    ui.result(Output::Table(listing::table_of(&members)))?;
    let count = |status| members.iter().filter(|member: &&RunRecord| member.status == status).count();
    let (completed, id) = (count(Status::Completed), &sweep.run_id);
    if completed == of {
        return Ok(Output::Nothing);
    }
    let resume = format!("to run those that have not completed: {{azml}} sweep resume {id}");
    if sweep.status == Status::Canceled {
        let text = format!("sweep {id} was canceled: {completed} of {of} runs have completed");
        return Err(CommandError::new(ErrorKind::Interrupted, text).hint(resume));
    }
    let failed = of - completed;
    let text = format!("{failed} of {of} runs of sweep {id} have not completed");
    Err(CommandError::failed(text)
        .hint(format!("the runs: {{azml}} history list --parent {id}"))
        .hint(resume))
}
