//! Sweeps: one snapshot, and a run of a command for each combination of parameters.
//!
//! The sweep itself has a record, which is the parent of its members' and defines them all: a sweep whose azml was killed is
//! resumed from that. All members run in threads of one azml, which alone writes their records, so that none waits for or
//! overtakes another's; or they are one array of an engine ([`mod@array`]).

mod array;
mod definition;
mod members;
mod space;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use azml_core::id::RunId;
use azml_core::large::Tree;
use azml_core::run::{self, RunRecord, RunStore, Status};
use azml_core::secret;
use azml_core::snapshot::{LeftOut, Taken, Why};
use rustix::process::{Pid, Signal, kill_process_group};

pub use self::definition::Definition;
use self::members::Sweep;
pub use self::space::{Error as SpaceError, Values};
pub use self::template::Error as TemplateError;
use super::submit::{self, Label, Member, Options, Plan, Wanted};
use super::{remote, runs};
use crate::context::{Context, Opened};
use crate::engine::{self, Handle, State};
use crate::error::CommandError;
use crate::run::attachments::{Attachments, ControlLog};
use crate::run::live::{self, Live};
use crate::run::process::CANCEL_GRACE;
use crate::run::secrets::Secrets;
use crate::run::signals::Cancel;
use crate::run::target::Program;
use crate::run::{process_table, recovery};
use crate::text::shell_word;

/// The time between two looks at whether a process group has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The reason why a sweep can't be started or resumed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parameters are odd.
    #[error(transparent)]
    Space(#[from] space::Error),
    /// The command does not fit the parameters.
    #[error(transparent)]
    Template(#[from] template::Error),
    /// The run is something else.
    #[error("run {run} is no sweep")]
    NoSweep {
        /// The run.
        run: RunId,
    },
    /// A newer azml has begun it.
    #[error("a newer azml has begun sweep {run}")]
    Newer {
        /// The sweep.
        run: RunId,
    },
    /// Its definition can't be read.
    #[error("the definition of sweep {run} can't be read")]
    Damaged {
        /// The sweep.
        run: RunId,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
    /// Its record does not have the command as it was given.
    #[error("the command of sweep {run} had a secret, which its record does not have: {command}")]
    Masked {
        /// The sweep.
        run: RunId,
        /// The command as it is recorded.
        command: String,
    },
    /// The command that was given again is another one.
    #[error("the command is not that of sweep {run}, which is: {command}")]
    OtherCommand {
        /// The sweep.
        run: RunId,
        /// The command as it is recorded.
        command: String,
    },
    /// Its record does not have the values of variables.
    #[error("sweep {run} was given the variable {name}, whose value no record has")]
    Environment {
        /// The sweep.
        run: RunId,
        /// The first that is missing.
        name: String,
    },
    /// The record of a sweep would have a secret.
    #[error(
        "a value of the parameter `{name}` looks like a secret, and the record of a sweep keeps the values"
    )]
    Secret {
        /// The parameter.
        name: String,
    },
    /// It goes on.
    #[error("sweep {run} goes on")]
    GoesOn {
        /// The sweep.
        run: RunId,
    },
    /// No member has logged the metric.
    #[error("no run of sweep {run} has logged a number `{metric}`")]
    NoMetric {
        /// The sweep.
        run: RunId,
        /// The metric.
        metric: String,
        /// The metrics that were logged.
        logged: Vec<String>,
    },
    /// The records can't be read.
    #[error(transparent)]
    Store(#[from] run::Error),
}

/// A sweep to start.
pub struct Request<'a> {
    /// The parameters, each with its values as text.
    pub parameters: Vec<(String, String)>,
    /// The number of members to take by chance, and the seed.
    pub sample: Option<(u64, u64)>,
    /// The most members that run at once; without it, as many as there are processors, or as the engine has room for.
    pub parallel: Option<usize>,
    /// The options of the members' runs; the program has placeholders.
    pub options: Options<'a>,
}

/// An event of a sweep in progress.
#[derive(Debug)]
pub enum Event<'e> {
    /// The sweep is recorded; so many members are to run.
    Recorded(&'e RunRecord, usize),
    /// A member is recorded, and starts.
    Started(&'e Place<'e>),
    /// A member has ended; its record, and the error if it could not be run.
    Ended(&'e Place<'e>, &'e RunRecord, Option<&'e CommandError>),
}

/// A member among those of a sweep.
#[derive(Debug)]
pub struct Place<'e> {
    /// Its number, from 1.
    pub number: u64,
    /// The number of members.
    pub of: usize,
    /// Its parameters.
    pub values: &'e Values,
}

/// A sweep that has ended.
#[derive(Debug)]
pub struct Swept {
    /// Its record.
    pub sweep: RunRecord,
    /// The record of each member that has one, in the order of the members; of several runs of one, the one that counts.
    pub members: Vec<RunRecord>,
    /// The number of members.
    pub of: usize,
}

/// Starts a sweep, and follows it to its end.
pub fn start(
    ctx: &Context,
    opened: &Opened,
    mut request: Request<'_>,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Swept, CommandError> {
    refuse_secrets(ctx, &request.parameters)?;
    let space = space::Space::parse(&request.parameters).map_err(Error::from)?;
    let members = match request.sample {
        None => space.all(),
        Some((count, seed)) => space.sample(count, seed),
    };
    let configuration = request.options.configuration.unwrap_or("local").to_owned();
    let mut definition = Definition::new(&configuration, request.parameters, members.map_err(Error::from)?);
    definition.seed = request.sample.map(|(_, seed)| seed);
    definition.environment = request.options.environment.keys().cloned().collect();
    let words = definition.take_program(std::mem::take(&mut request.options.wanted));
    submit::warn_of_state_dir(ctx, opened.project.root());
    let plan = first_plan(ctx, opened, (&definition, &words), request.options)?;
    let store = RunStore::new(&opened.history);
    let live = submit::claim(ctx, opened, store)?;
    let place = engine::place(&plan.config.compute)?;
    if let Some(place) = &place {
        engine::of(ctx, place)?.check(&plan.config, &plan.program)?;
    } else {
        let target = submit::target(ctx, opened, &plan, &live);
        target.check(&plan.program, !plan.config.prepare.is_empty())?;
    }
    let taken = submit::take_snapshot(ctx, opened, &plan, &live)?;
    if let Some(place) = &place {
        let engine = engine::of(ctx, place)?;
        submit::elsewhere::bring_large(ctx, opened, &taken, (place, &*engine))?;
    }
    definition.left_out = taken
        .left_out
        .iter()
        .filter(|left| matches!(left.why, Why::Secret | Why::Held))
        .filter_map(|left| String::from_utf8(left.path.to_vec()).ok())
        .collect();
    let of_sweep = Program::Command { words: words.clone(), name: plan.program.name().to_owned(), before: 1 };
    let of_sweep = Plan { program: of_sweep, ..plan.clone() };
    let (mut record, secrets) =
        submit::first_record(ctx, opened, &of_sweep, Some(words.clone()), &live, &taken);
    record.parameters.clear();
    definition.put(&mut record);
    submit::logs(opened, &live)?;
    (record.status, record.start_time_utc) = (Status::Running, Some(ctx.env.now()));
    let members = (BTreeSet::new(), BTreeMap::new(), request.parallel);
    complete(ctx, opened, (plan, definition, words), (taken, live, secrets), (record, true), members, tell)
}

/// Writes the record of a sweep, which is new or not, and runs its members: all but those that have completed; those that a
/// target has already, by their numbers, are waited for.
fn complete(
    ctx: &Context,
    opened: &Opened,
    (plan, definition, words): (Plan, Definition, Vec<String>),
    (taken, live, secrets): (Taken, Live, Secrets),
    (mut record, is_new): (RunRecord, bool),
    (completed, going, parallel): (BTreeSet<u64>, BTreeMap<u64, RunRecord>, Option<usize>),
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Swept, CommandError> {
    let attachments = Attachments::of(&opened.history, live.id());
    let control = ControlLog::append(&attachments)
        .map_err(|error| CommandError::file("write into", attachments.folder(), error))?;
    live.keep(&record)
        .and_then(|()| live.keep_secrets(&secrets))
        .map_err(|error| CommandError::file("write into", &live.work(), error))?;
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    let (store, by) = (RunStore::new(&opened.history), ctx.signature(opened.project.root()));
    if is_new {
        record = store.start(&record, &by)?;
    } else {
        store.put(&record, &by)?;
    }
    let mut todo = definition.values()?;
    todo.retain(|(number, _)| !completed.contains(number));
    let sweep = Sweep {
        ctx,
        opened,
        plan,
        definition,
        words,
        taken,
        live,
        control,
        secrets,
        record,
        todo,
        going,
        parallel,
    };
    sweep.complete(&cancel, tell)
}

/// Refuses parameters whose values no record should have.
fn refuse_secrets(ctx: &Context, parameters: &[(String, String)]) -> Result<(), Error> {
    let plain = ctx.settings.plain_arguments();
    let secret = parameters.iter().find(|(name, values)| {
        !plain.iter().any(|one| *one == "*" || *one == name.as_str())
            && values.split(',').any(|value| secret::is_secret_value(name, value))
    });
    secret.map_or(Ok(()), |(name, _)| Err(Error::Secret { name: name.clone() }))
}

/// The options of a resumed sweep.
#[derive(Clone, Debug)]
pub struct Resume<'a> {
    /// The program, given again: its record lacks what was a secret.
    pub program: Option<Wanted>,
    /// The variables of its members, of which no record has the values.
    pub environment: BTreeMap<String, String>,
    /// The most members that run at once; without it, as many as there are processors, or as the engine has room for.
    pub parallel: Option<usize>,
    /// A token for the remote.
    pub token: Option<&'a str>,
}

/// Runs the members of a sweep that have not completed.
pub fn resume(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    options: Resume<'_>,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Swept, CommandError> {
    let (definition, words) = Definition::of(record)?;
    let root = opened.project.root();
    let words = as_given(&definition, words, record, &options)?;
    end_orphans(ctx, opened, record)?;
    recovery::dead_runs(ctx, opened)?;
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(root), opened.project.id());
    let id = record.submitted_as();
    let live = Live::reclaim(&runs_dir, &id)
        .map_err(|error| CommandError::file("write into", &runs_dir, error))?
        .ok_or_else(|| Error::GoesOn { run: record.run_id.clone() })?;
    // Read under the lock: another azml may have run some of them just now.
    let mut completed = BTreeSet::new();
    let mut going = BTreeMap::new();
    // What a target has goes on without an azml, or has ended since.
    for member in remote::look_all(ctx, opened, &members(opened, record)?)? {
        let member = member.record;
        let Some(number) = Member::number_in(&member) else { continue };
        if member.status == Status::Completed {
            completed.insert(number);
        } else if !member.status.is_over() && Handle::is_in(&member) {
            going.insert(number, member);
        }
    }
    let store = RunStore::new(&opened.history);
    let mut record = store.current(record)?.unwrap_or_else(|| record.clone());
    let is_over = definition.values()?.iter().all(|(number, _)| completed.contains(number));
    if is_over && record.status == Status::Completed {
        let members = members(opened, &record)?;
        return Ok(Swept { sweep: record, members, of: definition.members.len() });
    }
    let label = Label { name: record.name.clone(), tags: record.tags.clone(), ..Label::default() };
    let configuration = Some(definition.configuration.as_str());
    let Resume { program, environment, token, parallel } = options;
    let run_options = Options { configuration, label, environment, token, ..Options::default() };
    let plan = first_plan(ctx, opened, (&definition, &words), run_options)?;
    let (masked, _, secrets) = Secrets::of(ctx, root, &plan.config, &words);
    if program.is_some() && record.command.as_ref() != Some(&masked) {
        return Err(
            Error::OtherCommand { run: record.run_id, command: shown(record.command.as_deref()) }.into()
        );
    }
    let taken = snapshot_of(opened, &record, &definition)?;
    (record.status, record.end_time_utc, record.exit_code) = (Status::Running, None, None);
    (record.pid, record.host) = (None, Some(crate::env::host_name()));
    let members = (completed, going, parallel);
    complete(ctx, opened, (plan, definition, words), (taken, live, secrets), (record, false), members, tell)
}

/// The words of a resumed sweep's command, with what its record lacks.
fn as_given(
    definition: &Definition,
    recorded: Vec<String>,
    record: &RunRecord,
    options: &Resume<'_>,
) -> Result<Vec<String>, Error> {
    let run = || record.run_id.clone();
    if let Some(name) = definition.environment.iter().find(|name| !options.environment.contains_key(*name)) {
        return Err(Error::Environment { run: run(), name: name.clone() });
    }
    match &options.program {
        Some(program) => {
            let mut given = definition.clone();
            let words = given.take_program(program.clone());
            if given == *definition {
                return Ok(words);
            }
            Err(Error::OtherCommand { run: run(), command: shown(Some(&recorded)) })
        }
        None if Definition::is_masked(&recorded) => {
            Err(Error::Masked { run: run(), command: shown(Some(&recorded)) })
        }
        None => Ok(recorded),
    }
}

fn shown(words: Option<&[String]>) -> String {
    let words = words.unwrap_or_default().iter();
    words.map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// The plan of the first member, which those of the others are made of.
fn first_plan(
    ctx: &Context,
    opened: &Opened,
    (definition, words): (&Definition, &[String]),
    options: Options<'_>,
) -> Result<Plan, CommandError> {
    let values = definition.values()?;
    let (_, first) = values.first().ok_or(Error::Space(space::Error::None))?;
    let wanted = definition.wanted(words, first)?;
    let configuration = Some(definition.configuration.as_str());
    submit::plan(ctx, opened, Options { configuration, wanted, ..options })
}

/// The snapshot of a sweep that was begun earlier.
fn snapshot_of(opened: &Opened, record: &RunRecord, definition: &Definition) -> Result<Taken, CommandError> {
    let missing = || CommandError::failed(format!("the snapshot of sweep {} is not here", record.run_id));
    let commit = record.commit_id().ok_or_else(missing)?;
    let found = opened.history.git().find_commit(commit).ok();
    let tree = found.and_then(|commit| Tree::of_commit(commit.repo, commit.id).ok());
    let tree = tree.ok_or_else(|| missing().hint("to fetch it: {azml} history sync"))?;
    let left = definition.left_out.iter();
    let left_out = left.map(|path| LeftOut { path: path.as_str().into(), why: Why::Secret }).collect();
    let Tree { id: tree, has_large } = tree;
    Ok(Taken { commit, tree, is_new: false, files: 0, changed: 0, has_large, bytes_new: 0, left_out })
}

/// Ends what a killed azml has left running of a sweep: a member must not run twice at once.
fn end_orphans(ctx: &Context, opened: &Opened, sweep: &RunRecord) -> Result<(), CommandError> {
    let found = runs::unclosed(ctx, opened)?;
    let is_member = |record: &RunRecord| record.parent_run_id.as_deref() == Some(sweep.run_id.as_str());
    if found.iter().any(|run| run.is_watched && run.record.is_same_run(sweep)) {
        return Err(Error::GoesOn { run: sweep.run_id.clone() }.into());
    }
    // Processes on other computers are not this one's, whatever their numbers.
    let is_orphan = |run: &&live::Found| !run.is_watched && !run.is_elsewhere() && is_member(&run.record);
    for run in found.iter().filter(is_orphan) {
        let known = RunStore::new(&opened.history).current(&run.record)?;
        let Some(pid) = run.left_running(known.as_ref().unwrap_or(&run.record)) else { continue };
        let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { continue };
        let still_runs = || process_table::is_alive(pid);
        let since = Instant::now();
        let mut signal = Signal::TERM;
        while still_runs() {
            if signal == Signal::TERM {
                ctx.notices.status(&format!("ending what run {} has left running", run.record.run_id));
            }
            // The only failure is that the group has ended.
            let _ = kill_process_group(group, signal);
            let until = if signal == Signal::TERM { since + CANCEL_GRACE } else { Instant::now() + LOOK };
            while still_runs() && Instant::now() < until {
                std::thread::sleep(LOOK);
            }
            signal = Signal::KILL;
        }
    }
    Ok(())
}

/// Asks the engines of a sweep's members how these stand.
pub fn look(ctx: &Context, opened: &Opened, sweep: &RunRecord) -> Result<(), CommandError> {
    for member in remote::look_all(ctx, opened, &members(opened, sweep)?)? {
        if let Some(State::Unreachable { why }) = member.state {
            remote::tell_unreachable(ctx, &member.record, &why);
            break;
        }
    }
    Ok(())
}

/// The records of a sweep's members in their order; of several runs of one, the completed or else the newest.
pub fn members(opened: &Opened, sweep: &RunRecord) -> Result<Vec<RunRecord>, Error> {
    let mut found: BTreeMap<u64, RunRecord> = BTreeMap::new();
    // Newest first.
    for record in RunStore::new(&opened.history).records()? {
        let record = record?;
        if record.parent_run_id.as_deref() != Some(sweep.run_id.as_str()) {
            continue;
        }
        let Some(number) = Member::number_in(&record) else { continue };
        let counts =
            |known: &RunRecord| known.status == Status::Completed || record.status != Status::Completed;
        if !found.get(&number).is_some_and(counts) {
            found.insert(number, record);
        }
    }
    Ok(found.into_values().collect())
}

/// The direction in which a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The larger is the better.
    Max,
    /// The smaller is the better.
    Min,
}

/// Sorts members by a metric, the best first; those without a number come last.
pub fn sort(members: &mut [RunRecord], metric: &str, mode: Mode) {
    members.sort_by(|one, two| match (number(one, metric), number(two, metric)) {
        (Some(one), Some(two)) if mode == Mode::Max => two.total_cmp(&one),
        (Some(one), Some(two)) => one.total_cmp(&two),
        (one, two) => two.is_some().cmp(&one.is_some()),
    });
}

/// The completed member of a sweep that is best by a metric.
pub fn best(opened: &Opened, sweep: &RunRecord, metric: &str, mode: Mode) -> Result<RunRecord, Error> {
    if !Definition::is_in(sweep) {
        return Err(Error::NoSweep { run: sweep.run_id.clone() });
    }
    let mut all = members(opened, sweep)?;
    all.retain(|member| member.status == Status::Completed);
    sort(&mut all, metric, mode);
    let logged: BTreeSet<&String> = all.iter().flat_map(|member| member.metrics.keys()).collect();
    let logged = logged.into_iter().cloned().collect();
    let best = all.into_iter().next().filter(|best| number(best, metric).is_some());
    best.ok_or_else(|| Error::NoMetric { run: sweep.run_id.clone(), metric: metric.to_owned(), logged })
}

fn number(record: &RunRecord, metric: &str) -> Option<f64> {
    record.metrics.get(metric)?.as_f64().filter(|number| !number.is_nan())
}
