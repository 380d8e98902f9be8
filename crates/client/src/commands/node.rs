//! `azml node …`: what azml does on a computer where another azml's runs go on. Programs alone call it.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use azml_core::id::{ProjectId, RunId};
use git_wire::Service;
use gix::ObjectId;

use crate::context::Context;
use crate::error::CommandError;
use crate::limits;
use crate::ops::node::{self, large};
use crate::run::console::Console;
use crate::ui::{Output, Ui};

/// The commands that another azml gives.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say whether a program can run here; the question is JSON on standard input
    Check,
    /// Serve the store of a project
    Serve {
        /// The commit that the history of an empty store begins with
        #[arg(long)]
        shallow: Option<ObjectId>,
        service: Service,
        project: ProjectId,
    },
    /// Name those of the large files of a list on standard input that the store of a project lacks
    LargeLacks {
        /// A repository of this computer from which what is there is linked
        #[arg(long)]
        from: Option<PathBuf>,
        project: ProjectId,
    },
    /// Take in a stream of large files on standard input
    LargeTake { project: ProjectId },
    /// Give out the large files of a list on standard input
    LargeGive { project: ProjectId },
    /// Take in a job, JSON on standard input
    Put,
    /// Take in the jobs of an array, JSON on standard input
    PutArray,
    /// Take in a job, JSON on standard input, and start it in a session of its own
    Start,
    /// Run a job to its end
    Run {
        /// Leave the session of whoever started this
        #[arg(long)]
        own_session: bool,
        /// Run the task of this array that the engine has given to this process
        #[arg(long, value_name = "NAME", conflicts_with = "run")]
        array: Option<String>,
        #[arg(required_unless_present = "array")]
        run: Option<RunId>,
    },
    /// Run a job that came as a package, and print what it leaves; for engines that give no more than a log
    Carry {
        /// A folder with large files of its snapshot
        #[arg(long)]
        large: Vec<PathBuf>,
        package: PathBuf,
        run: RunId,
    },
    /// Say how jobs stand; the runs are lines of standard input
    State,
    /// Print the log of a job from a byte on
    Output { run: RunId, from: u64 },
    /// Ask jobs to end; the runs are lines of standard input
    Cancel {
        /// Start none that has not begun, to have it say that it was ended: its engine says so
        #[arg(long)]
        only_ask: bool,
    },
    /// Remove what no run needs; what to remove is JSON on standard input
    Prune,
    /// Remove jobs that are over; the runs are lines of standard input
    Forget { project: ProjectId },
}

/// Runs one of them.
pub fn run(ui: &Arc<Ui>, ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Check => json(ui, &node::check(ctx, &input()?)?),
        Command::Prune => json(ui, &node::prune(ctx, &input()?)?),
        Command::Put => json(ui, &node::put(ctx, &input()?)?),
        Command::Start => json(ui, &node::start(ctx, &input()?)?),
        Command::PutArray => json(ui, &node::put_array(ctx, &input()?)?),
        Command::State => json(ui, &node::states(ctx, &runs()?)?),
        Command::Serve { shallow, service, project } => done(node::serve(ctx, service, project, shallow)),
        Command::LargeLacks { from, project } => {
            let lacks = large::lacks(ctx, project, &large::list_of_stdin()?, from.as_deref())?;
            done(ui.write_out(lacks.as_bytes()))
        }
        Command::LargeTake { project } => done(large::take(ctx, project)),
        Command::LargeGive { project } => done(large::give(ctx, project, &large::list_of_stdin()?)),
        Command::Run { own_session, array, run } => {
            let run = match (run, array) {
                (Some(run), _) => run,
                (None, array) => node::run_of_task(ctx, &array.unwrap_or_default())?,
            };
            let console = Arc::clone(ui) as Arc<dyn Console>;
            done(node::run(ctx, &run, own_session, &console).map(drop))
        }
        Command::Carry { large, package, run } => {
            let console = Arc::clone(ui) as Arc<dyn Console>;
            ui.write_out(node::BEGUN.as_bytes())?;
            let (ended, results) = node::carry(ctx, (&package, &large), &run, &console)?;
            ui.write_out(&results)?;
            done(ended.map(drop))
        }
        Command::Output { run, from } => done(ui.write_out(&node::output(ctx, &run, from)?)),
        Command::Cancel { only_ask } => done(node::cancel(ctx, &runs()?, only_ask)),
        Command::Forget { project } => done(node::forget(ctx, project, &runs()?)),
    }
}

fn input() -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    io::stdin().take(limits::JOB_SPEC).read_to_end(&mut bytes).map_err(CommandError::failed)?;
    Ok(bytes)
}

/// The runs on standard input.
fn runs() -> Result<Vec<RunId>, CommandError> {
    let input = input()?;
    let lines = String::from_utf8_lossy(&input);
    lines.lines().map(|line| RunId::parse(line).map_err(CommandError::usage)).collect()
}

fn done(result: Result<(), CommandError>) -> Result<Output, CommandError> {
    result.map(|()| Output::Nothing)
}

fn json(ui: &Ui, value: &impl serde::Serialize) -> Result<Output, CommandError> {
    let bytes = serde_json::to_vec(value).map_err(CommandError::failed)?;
    done(ui.write_out(&bytes))
}
