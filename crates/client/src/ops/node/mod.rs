//! The node's side of a run elsewhere: what `azml node …` does on the computer where the program runs.
//!
//! | in `~/.azml` (or `AZML_NODE_DIR`) | what |
//! | --- | --- |
//! | `bin/` | azml, where it was brought |
//! | `store/<GUID>.git` | a bare repository with the snapshots of a project, and the refs of its runs here |
//! | `projects/<GUID>/` | takes the place of the project folder: what is in it is linked into run folders as ignored inputs are |
//! | `jobs/<run>/` | a job: what is to be done, how it stands, its log ([`job`]) |
//! | `arrays/<name>/` | an array: links from the indexes of its tasks to their jobs ([`mod@array`]) |
//! | `state/` | azml's own state, with the run folders |
//!
//! Every command here is short but [`run()`], and may be repeated: whoever gave it may not have heard that it was done.

mod array;
mod carry;
mod job;
pub mod large;
mod prune;
mod run;

use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use azml_core::history::HistoryRepo;
use azml_core::id::{ProjectId, RunId};
use azml_core::project::{Project, ProjectFile};
use azml_core::refs;
use azml_core::run::RunStore;
use azml_core::small_file;
use git_wire::{Denial, Options, Policy, ProtocolVersion, RefUpdate, Repository, Service};

use gix::ObjectId;

pub use self::array::{put_array, run_of_task};
pub use self::carry::carry;
use self::job::Job;
pub use self::prune::prune;
pub use self::run::run;
use crate::context::{Context, Opened};
use crate::engine::node::{Checked, JobState, Question};
pub use crate::engine::package::BEGUN;
use crate::engine::{JobSpec, spec};
use crate::env::{AZML_LARGE_FILE, AZML_LARGE_LIMIT, AZML_NODE_DIR, AZML_STATE_DIR};
use crate::error::CommandError;
use crate::limits;
use crate::run::live::{self, Live};
use crate::run::process_table;
use crate::run::recovery;
use crate::settings::Settings;

/// The time between two looks at a job.
const LOOK: Duration = Duration::from_millis(20);

/// The folder of azml's files on this node.
#[derive(Clone, Debug)]
pub struct Base(PathBuf);

impl Base {
    /// The one that the environment names.
    pub fn of(ctx: &Context) -> Result<Self, CommandError> {
        let named = ctx.env.get(AZML_NODE_DIR).map(PathBuf::from);
        let folder = named.or_else(|| Some(ctx.env.home()?.join(".azml")));
        let folder = folder.ok_or_else(|| {
            CommandError::failed(format!("there is no home folder for azml's files; set {AZML_NODE_DIR}"))
        })?;
        Ok(Self(ctx.env.cwd.join(folder)))
    }

    /// The folder of azml's own state.
    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// The folder of environments that azml makes.
    fn environments(&self) -> PathBuf {
        self.state().join("environments")
    }

    /// The history of a project, as far as it is here.
    fn store(&self, project: ProjectId) -> Result<HistoryRepo, CommandError> {
        let root = self.0.join("projects").join(project.to_string());
        make_folder(&root)?;
        let path = self.0.join("store").join(format!("{project}.git"));
        Ok(HistoryRepo::store(&path, &root, project)?)
    }

    /// The project of a job, with a history that writes to the refs of its run.
    fn open(&self, spec: &JobSpec) -> Result<Opened, CommandError> {
        let history = self.store(spec.project.id)?;
        let root = history.root().to_owned();
        if Project::open(&root).map(|project| project.file().clone()).ok().as_ref() != Some(&spec.project) {
            make_folder(&root.join(".azureml"))?;
            spec.project.write(&root)?;
        }
        Ok(Opened { project: Project::open(&root)?, history: history.for_run(spec.run.clone()) })
    }
}

/// The context of a run on this node: azml's own state is in the node's folder. `large` are the most bytes of its outputs that are
/// large files.
fn on_node(ctx: &Context, base: &Base, large: u64) -> Result<Context, CommandError> {
    // In settings 0 stands for none of the files, and for any number of bytes.
    let limit = if large == u64::MAX { 0 } else { large };
    let env = ctx.env.clone().with(AZML_STATE_DIR, base.state());
    let env = env.with(AZML_LARGE_FILE, large.min(1).to_string()).with(AZML_LARGE_LIMIT, limit.to_string());
    let settings = Settings::read(&env)?;
    Ok(Context { env, notices: Arc::clone(&ctx.notices), invoked: ctx.invoked, settings })
}

fn make_folder(path: &Path) -> Result<(), CommandError> {
    std::fs::create_dir_all(path).map_err(|error| CommandError::file("make folder", path, error))
}

/// Says whether a program can run on this node.
pub fn check(ctx: &Context, question: &[u8]) -> Result<Checked, CommandError> {
    let question: Question = serde_json::from_slice(question).map_err(CommandError::usage)?;
    let base = Base::of(ctx)?;
    make_folder(&base.0)?;
    let refused = match rustix::fs::statvfs(&base.0) {
        Ok(found) if found.f_bavail.saturating_mul(found.f_frsize) < limits::NODE_FREE => Some(format!(
            "there is no room on the disk of {}: {} are free, and azml wants {}",
            base.0.display(),
            crate::text::size(found.f_bavail.saturating_mul(found.f_frsize)),
            crate::text::size(limits::NODE_FREE)
        )),
        _ => run::check(ctx, &base, &question.config, &question.program),
    };
    Ok(Checked { spec: spec::VERSION, refused })
}

/// Takes in a job; its snapshot is here already.
pub fn put(ctx: &Context, spec: &[u8]) -> Result<JobState, CommandError> {
    let base = Base::of(ctx)?;
    let job = take_in(&base, spec)?;
    state_of(ctx, &base, &job)
}

fn take_in(base: &Base, spec: &[u8]) -> Result<Job, CommandError> {
    let spec = JobSpec::parse(spec).map_err(CommandError::failed)?;
    check_snapshot(base, &spec)?;
    let job = Job::at(&base.0, &spec.run);
    job.put(&spec)?;
    Ok(job)
}

/// Checks that a job's snapshot is here, and keeps it for the next push.
fn check_snapshot(base: &Base, parsed: &JobSpec) -> Result<(), CommandError> {
    let store = base.store(parsed.project.id)?;
    let found = store.git().find_commit(parsed.commit).and_then(|commit| commit.tree_id());
    let tree = found
        .map_err(|error| CommandError::failed(format!("snapshot {} is not here: {error}", parsed.commit)))?;
    if tree != parsed.tree {
        let error = format!("snapshot {} has tree {tree}, and the job names {}", parsed.commit, parsed.tree);
        return Err(CommandError::failed(error));
    }
    // The next push need not send what this snapshot has. Whose comes last stays.
    let code = refs::code(store.id());
    if let Ok(was) = store.ref_tip(code.as_ref()) {
        drop(store.update_ref(&code, was, parsed.commit));
    }
    Ok(())
}

/// Takes in a job, and starts it in a session of its own, unless it was started before.
pub fn start(ctx: &Context, spec: &[u8]) -> Result<JobState, CommandError> {
    let base = Base::of(ctx)?;
    let job = take_in(&base, spec)?;
    start_job(ctx, &base, &job)
}

fn start_job(ctx: &Context, base: &Base, job: &Job) -> Result<JobState, CommandError> {
    let (spec, run) = (job.spec()?, job.run());
    if job.is_started(spec.attempt) {
        return state_of(ctx, base, job);
    }
    let log = job.open_log()?;
    let failed = |error| CommandError::file("write into", job.folder(), error);
    let program = std::env::current_exe().map_err(CommandError::failed)?;
    let mut child = Command::new(program)
        .args(["node", "run", "--own-session", run.as_str()])
        .env(AZML_NODE_DIR, &base.0)
        .current_dir(&base.0)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        .spawn()
        .map_err(CommandError::failed)?;
    let begun = Instant::now();
    while !job.is_started(spec.attempt) && begun.elapsed() < limits::NODE_START {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            break;
        }
        std::thread::sleep(LOOK);
    }
    let state = state_of(ctx, base, job)?;
    if state.is_started {
        return Ok(state);
    }
    let said = job.log_from(0, limits::ERROR_TEXT)?;
    Err(CommandError::failed(format!("it did not start: {}", String::from_utf8_lossy(&said).trim())))
}

/// The states of jobs, in their order. One whose azml died is closed: what it wrote is collected, and its record says
/// `NotResponding`.
pub fn states(ctx: &Context, runs: &[RunId]) -> Result<Vec<JobState>, CommandError> {
    let base = Base::of(ctx)?;
    runs.iter().map(|run| state_of(ctx, &base, &Job::at(&base.0, run))).collect()
}

fn state_of(ctx: &Context, base: &Base, job: &Job) -> Result<JobState, CommandError> {
    let state = job.state();
    if state.is_started && !state.goes_on && state.exit.is_none() && job.is_from_here() {
        let spec = job.spec()?;
        let ctx = on_node(ctx, base, spec.large_limit)?;
        recovery::dead_run(&ctx, &base.open(&spec)?, &spec.run)?;
    }
    Ok(state)
}

/// The bytes of a job's log from `from` on; waits a little for the first.
pub fn output(ctx: &Context, run: &RunId, from: u64) -> Result<Vec<u8>, CommandError> {
    let job = Job::at(&Base::of(ctx)?.0, run);
    let begun = Instant::now();
    loop {
        // Asked first: what ends in between has written all of its log.
        let goes_on = job.state().goes_on;
        let bytes = job.log_from(from, limits::NODE_LOG)?;
        if !bytes.is_empty() || !goes_on || begun.elapsed() >= limits::NODE_LOG_WAIT {
            return Ok(bytes);
        }
        std::thread::sleep(LOOK);
    }
}

/// Asks jobs to end, also those that have not been started; with `only_ask` these are not started to say so.
pub fn cancel(ctx: &Context, runs: &[RunId], only_ask: bool) -> Result<(), CommandError> {
    let base = Base::of(ctx)?;
    for run in runs {
        let job = Job::at(&base.0, run);
        job.ask_to_cancel()?;
        if job.started().is_some() {
            end(&base, &job)?;
        } else if !only_ask {
            // Started for its end alone: the record says `Canceled` then, and nobody else can start it.
            start_job(ctx, &base, &job)?;
        }
    }
    Ok(())
}

/// Ends what runs of a job on this computer.
fn end(base: &Base, job: &Job) -> Result<(), CommandError> {
    if job.signal()? {
        return Ok(());
    }
    // Its azml is gone; the program may not be.
    let spec = job.spec()?;
    let runs_dir = live::runs_dir(&base.state(), &spec.project.id);
    let found = live::find(&runs_dir).map_err(|error| CommandError::file("look at", &runs_dir, error))?;
    let left = found.iter().find(|found| found.record.run_id == spec.run && !found.is_watched);
    if let Some(group) = left.and_then(|found| found.left_running(&found.record)) {
        process_table::end_group(group);
    }
    Ok(())
}

/// Removes jobs that are over, their refs and what they left; outputs that did not come back stay.
pub fn forget(ctx: &Context, project: ProjectId, runs: &[RunId]) -> Result<(), CommandError> {
    let base = Base::of(ctx)?;
    let (over, go_on): (Vec<RunId>, Vec<RunId>) =
        runs.iter().cloned().partition(|run| !Job::at(&base.0, run).state().goes_on);
    let store = base.store(project)?;
    for run in &over {
        let record = RunStore::new(&store.for_run(run.clone())).get(run)?;
        if record.is_some_and(|record| record.attachments_left().is_empty()) {
            let left = store.run_folder(run);
            crate::run::remove_folder(&left).map_err(|error| CommandError::file("remove", &left, error))?;
        }
    }
    let mut large = Vec::new();
    for run in &over {
        large.extend(large::left_by(&store, run)?);
    }
    store.remove_inboxes(&over)?;
    large::remove(&store, &large)?;
    // Attempts that gave way to others have left theirs.
    let runs_dir = live::runs_dir(&base.state(), &project);
    let failed = |error| CommandError::file("look at", &runs_dir, error);
    for found in live::find(&runs_dir).map_err(failed)? {
        if over.contains(&found.record.run_id) && !found.is_watched {
            found.close().map_err(failed)?;
        }
    }
    over.iter().try_for_each(|run| Job::at(&base.0, run).remove())?;
    let go_on = go_on.first();
    go_on.map_or(Ok(()), |run| Err(CommandError::failed(format!("run {run} goes on"))))
}

/// Serves the store of a project to the azml at the other end of standard input and output. The history of a store that is empty
/// begins with the commit `shallow`.
pub fn serve(
    ctx: &Context,
    service: Service,
    project: ProjectId,
    shallow: Option<ObjectId>,
) -> Result<(), CommandError> {
    let store = Base::of(ctx)?.store(project)?;
    if let Some(commit) = shallow
        && store.git().references().is_ok_and(|refs| refs.all().is_ok_and(|mut all| all.next().is_none()))
    {
        // Git's own file: each of its commits is here without its parents.
        let file = store.path().join("shallow");
        small_file::replace(&file, format!("{commit}\n").as_bytes(), false)
            .map_err(|error| CommandError::file("write", &file, error))?;
    }
    let repository = Repository::open(store.path()).map_err(CommandError::failed)?;
    let version = match service {
        Service::UploadPack => ProtocolVersion::V2,
        Service::ReceivePack => ProtocolVersion::V0,
    };
    let options = Options { break_locks_after: Some(limits::NODE_LOCK_SECONDS), ..Options::default() };
    let server = git_wire::Server { repository: &repository, policy: &OwnRefs, options: &options };
    let (mut input, mut output) = (BufReader::new(io::stdin()), BufWriter::new(io::stdout()));
    server.converse(service, version, &mut input, &mut output).map(drop).map_err(CommandError::failed)
}

/// Whoever may log in as this user may read and write what azml keeps here: the refs of runs, and no others.
struct OwnRefs;

impl Policy for OwnRefs {
    fn may_read(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_update(&self, update: &RefUpdate) -> Result<(), Denial> {
        if update.name.as_bstr().starts_with(refs::INBOX_PREFIX.as_bytes()) {
            return Ok(());
        }
        Err(Denial::new("a node takes the refs of runs alone"))
    }
}

/// Makes the live folder of an attempt at a run.
fn live_of(base: &Base, project: &ProjectFile, run: &RunId, attempt: u32) -> Result<Live, CommandError> {
    let runs_dir = live::runs_dir(&base.state(), &project.id);
    let failed = |error| CommandError::file("write into", &runs_dir, error);
    let live = if attempt > 1 { Live::again(&runs_dir, run, attempt) } else { Live::reclaim(&runs_dir, run) };
    live.map_err(failed)?
        .ok_or_else(|| CommandError::failed(format!("another attempt at run {run} has not been closed")))
}
