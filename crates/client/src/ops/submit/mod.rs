//! Submitting a run, and following it to its end: [`submit`] is the order of the phases, [`Submission`] has one method a phase.
//!
//! Whatever fails after the record is written ends in a record that names it. The remote never decides how a run
//! ends.

pub mod array;
pub mod elsewhere;
mod job;
mod plan;
pub mod program;
mod tracking;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use azml_core::run::{RunRecord, RunStore, Status};
use azml_core::secret::{self, MASK};
use azml_core::snapshot::{Message, Taken};
use gix::actor::Signature;

pub use self::plan::{Label, Member, Options, Plan, plan};
pub use self::program::Wanted;
pub(super) use self::program::program;
use super::push::Push;
use super::snapshot;
use crate::context::{Context, Opened};
use crate::env::{
    AZML_DETACHED, AZML_HEARTBEAT, AZML_LARGE_FILE, AZML_LARGE_LIMIT, AZML_NODE_DIR, AZML_STATE_DIR,
    AZML_VSTS_TOKEN, Unusable, host_name,
};
use crate::error::CommandError;
use crate::limits::NODE_RESERVE;
use crate::metrics;
use crate::run::attachments::{Attachments, ControlLog};
use crate::run::console::Console;
use crate::run::delivery::Asker;
use crate::run::kept::Collected;
use crate::run::live::{self, Live};
use crate::run::local::Local;
use crate::run::logged::Child;
use crate::run::process::{Ended, Exit};
use crate::run::secrets::{self, LeftOut, Secrets};
use crate::run::signals::Cancel;
use crate::run::target::{Job, Target};
use crate::run::watching::{Observed, execute};
use crate::run::{self, keeping, killed, nested, parameters, recovery, report, upload};

/// The folder whose files a further attempt at a run finds again.
const OUTPUTS: &str = "outputs";
/// The most values that could not be recorded and are named.
const REFUSED_METRICS: usize = 10;

/// Runs a program; gives the record of the run when it has ended, in whatever way.
pub fn submit(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    console: &Arc<dyn Console>,
) -> Result<RunRecord, CommandError> {
    warn_of_state_dir(ctx, opened.project.root());
    let (mut run, taken) = Submission::open(ctx, opened, plan, console, None)?;
    let job = run.keep(&taken)?;
    // From here on a signal cancels the run instead of ending azml.
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    run.record()?;
    ctx.env.pass("submit", 1);
    console.recorded(&run.record);
    let push = plan.remote.as_ref().map(|remote| Push::start(&opened.history, remote, run.by()));
    let push = push.transpose()?;
    let (record, outcome) = run.finish_run(&job, push.as_ref().map(Push::asker), &cancel)?;
    recovery::adopt_old_folders(ctx, opened);
    keeping::tidy(ctx, opened);
    ctx.env.pass("submit", 5);
    if let Some(push) = push {
        push.push();
        push.finish(ctx, opened, &cancel, "run");
    }
    outcome.map(|_| record)
}

/// Runs a member of a sweep on the snapshot `taken`; gives its record, and how its program ended.
pub(super) fn submit_member(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    console: &Arc<dyn Console>,
    taken: &Taken,
    (cancel, asker): (&Cancel, Option<Asker>),
) -> Result<(RunRecord, Result<Ended, CommandError>), CommandError> {
    let (mut run, taken) = Submission::open(ctx, opened, plan, console, Some(taken))?;
    let job = run.keep(&taken)?;
    run.record()?;
    console.recorded(&run.record);
    run.finish_run(&job, asker, cancel)
}

/// Runs the program of a run that another azml has submitted to this node; `record` is the run's, as that azml has recorded it.
#[expect(clippy::too_many_arguments, reason = "a submission, as another azml has begun it")]
pub(super) fn submit_on_node(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    console: &Arc<dyn Console>,
    record: RunRecord,
    (live, earlier): (Live, Option<PathBuf>),
    taken: &Taken,
    cancel: &Cancel,
) -> Result<RunRecord, CommandError> {
    let (_, _, secrets) = Secrets::of(ctx, opened.project.root(), &plan.config, plan.program.arguments());
    let (attachments, control) = logs(opened, &live)?;
    let mut run = Submission {
        ctx,
        opened,
        plan,
        console,
        store: RunStore::new(&opened.history),
        target: target(ctx, opened, plan, &live),
        live,
        attachments,
        control,
        secrets,
        record,
        children: Vec::new(),
        earlier,
    };
    run.log(&format!("on {}, process {}", host_name(), std::process::id()));
    let job = run.keep(taken)?;
    run.live.reserve(NODE_RESERVE);
    (run.record.status, run.record.start_time_utc) = (Status::Running, Some(ctx.env.now()));
    run.store.put(&run.record, &run.by())?;
    run.finish_run(&job, None, cancel).map(|(record, _)| record)
}

/// Warns if the folders of runs are elsewhere than the environment says.
pub(super) fn warn_of_state_dir(ctx: &Context, root: &Path) {
    let Some((place, why)) = ctx.env.unusable_state_dir(root) else { return };
    let why = match why {
        Unusable::InProject => "is in the project folder",
        Unusable::ReadOnly => "can't be written",
    };
    ctx.notices.warning(&format!(
        "{} ({}) {why}: the folders of runs are in {} instead",
        place.dir.display(),
        place.variable,
        ctx.env.state_dir_for(root).display()
    ));
}

/// A run from its snapshot to its end.
struct Submission<'a> {
    ctx: &'a Context,
    opened: &'a Opened,
    plan: &'a Plan,
    console: &'a Arc<dyn Console>,
    store: RunStore<'a>,
    live: Live,
    target: Box<dyn Target>,
    attachments: Attachments,
    control: ControlLog,
    secrets: Secrets,
    /// The record as it is known so far, with secrets masked.
    record: RunRecord,
    /// The runs that the script began below it.
    children: Vec<Child>,
    /// The folder of an earlier attempt, whose outputs this one goes on with.
    earlier: Option<PathBuf>,
}

impl<'a> Submission<'a> {
    /// Claims a run id, checks that the program can be run, and takes the snapshot if there is none yet.
    fn open(
        ctx: &'a Context,
        opened: &'a Opened,
        plan: &'a Plan,
        console: &'a Arc<dyn Console>,
        snapshot: Option<&Taken>,
    ) -> Result<(Self, Taken), CommandError> {
        let store = RunStore::new(&opened.history);
        let live = claim(ctx, opened, store)?;
        let target = target(ctx, opened, plan, &live);
        let command = target.check(&plan.program, plan.config.makes_programs())?;
        let taken =
            snapshot.map_or_else(|| take_snapshot(ctx, opened, plan, &live), |taken| Ok(taken.clone()))?;
        let (record, secrets) = first_record(ctx, opened, plan, command, &live, &taken);
        let (attachments, control) = logs(opened, &live)?;
        let children = Vec::new();
        let run = Self {
            ctx,
            opened,
            plan,
            console,
            store,
            live,
            target,
            attachments,
            control,
            secrets,
            record,
            children,
            earlier: None,
        };
        Ok((run, taken))
    }

    /// Runs the program, and records its end; gives the record and how the program ended.
    fn finish_run(
        mut self,
        job: &Job,
        asker: Option<Asker>,
        cancel: &Cancel,
    ) -> Result<(RunRecord, Result<Ended, CommandError>), CommandError> {
        let ctx = self.ctx;
        let outcome = self.prepare_folder(job).and_then(|()| self.run(job, asker, cancel));
        self.live.give_back();
        if !self.opened.history.is_attempt_current()? {
            // A later attempt has the run; what this one wrote is none of it.
            return Err(azml_core::history::Error::TakenOver { run: self.record.run_id }.into());
        }
        let collected = self.collect(outcome.as_ref());
        ctx.env.pass("submit", 2);
        self.commit_attachments();
        ctx.env.pass("submit", 3);
        Ok((self.finish(&collected)?, outcome))
    }

    fn root(&self) -> &Path {
        self.opened.project.root()
    }

    /// The author of the run's commits.
    fn by(&self) -> Signature {
        self.ctx.signature(self.root())
    }

    /// Writes a line to the control log.
    fn log(&mut self, line: &str) {
        self.control.say(self.ctx.env.now(), line);
    }

    /// Logs and shows an error that does not end the run.
    fn warn(&mut self, error: &CommandError) {
        let text = error.chain().join(": ");
        self.log(&text);
        self.ctx.notices.warning(&text);
    }

    /// Makes the job, and keeps on this computer what the next command needs if this process dies.
    fn keep(&mut self, taken: &Taken) -> Result<Job, CommandError> {
        let counts = format!(" ({} files, {} changed)", taken.files, taken.changed);
        // Of a snapshot that was taken earlier they are not known.
        let counts = if taken.files > 0 { counts } else { String::new() };
        self.log(&format!("snapshot {}{counts}", taken.commit));
        let job = self.job(taken)?;
        let live = &self.live;
        live.keep_outputs(&self.plan.config.outputs)
            .and_then(|()| live.keep(&self.record))
            .and_then(|()| live.keep_secrets(&self.secrets))
            .map_err(|error| CommandError::file("write into", &live.work(), error))?;
        Ok(job)
    }

    /// Records the run as `Running` in the history.
    fn record(&mut self) -> Result<(), CommandError> {
        let start_time_utc = Some(self.ctx.env.now());
        let running = RunRecord { status: Status::Running, start_time_utc, ..self.record.clone() };
        self.record = self.store.start(&running, &self.by())?;
        Ok(())
    }

    /// Makes the run's folder with the snapshot's files.
    fn prepare_folder(&mut self, job: &Job) -> Result<(), CommandError> {
        for command in &job.prepare {
            let command = self.secrets.masked(command.trim());
            self.log(&format!("preparing: {command}"));
        }
        let script = [&self.record.script_name].into_iter().chain(&self.record.arguments);
        let words: Vec<String> =
            self.record.command.as_ref().map_or_else(|| script.cloned().collect(), Clone::clone);
        self.log(&format!("running {}", words.join(" ")));
        self.target.prepare(job)?;
        let Some(earlier) = &self.earlier else { return Ok(()) };
        let outputs = |work: &Path| work.join(OUTPUTS);
        run::copy_folder(&outputs(earlier), &outputs(&self.live.work()))
            .map_err(|error| CommandError::file("copy the outputs of", earlier, error))
    }

    /// Runs the program to its end, with a thread beside it that gives signs of life.
    fn run(&mut self, job: &Job, asker: Option<Asker>, cancel: &Cancel) -> Result<Ended, CommandError> {
        if cancel.is_asked() {
            return Ok(Ended::by(Exit::Canceled));
        }
        // Listens until the script has ended.
        let (job, _server) = self.track(job);
        let recorded = Arc::new(Mutex::new(self.record.clone()));
        let observed = Observed {
            console: self.console,
            live: &self.live,
            record: &recorded,
            history: self.opened.history.clone(),
            asker,
            secrets: &self.secrets,
        };
        let ended = execute(self.ctx, &mut *self.target, &job, observed, cancel);
        self.record.clone_from(&recorded.lock().expect("no watching thread panics"));
        ended
    }

    /// Completes the record with how the run ended and what it logged, and collects what it wrote.
    ///
    /// Whatever can't be collected, the record is written: azml warns of what is lost, and keeps the rest.
    fn collect(&mut self, outcome: Result<&Ended, &CommandError>) -> Collected {
        self.record_end(outcome);
        match self.collect_metrics() {
            Ok(refused) => {
                let named = refused.into_iter().take(REFUSED_METRICS);
                named.for_each(|what| self.warn(&CommandError::failed(what)));
            }
            Err(error) => self.warn(&error),
        }
        let now = self.record.end_time_utc.unwrap_or_else(|| self.ctx.env.now());
        let collected = self.target.collect(self.attachments.folder(), now).unwrap_or_else(|error| {
            self.warn(&error.into());
            // Nothing was removed: the next command tries again.
            Collected { is_busy: true, ..Collected::default() }
        });
        for what in &collected.troubles {
            self.warn(&CommandError::failed(what.as_str()));
        }
        match self.attachments.list() {
            Ok(list) => self.record.attachments = list,
            Err(error) => self.warn(&CommandError::file("read", self.attachments.folder(), error)),
        }
        for link in &collected.outside {
            self.log(&format!("not collected, a link out of the run's folder: {}", link.display()));
        }
        for line in keeping::lines(&collected.left) {
            self.log(&line);
        }
        keeping::put_in_record(self.ctx, &mut self.record, &collected.left);
        self.secrets.mask_logged(&mut self.record);
        collected
    }

    /// Puts into the record how the run ended.
    fn record_end(&mut self, outcome: Result<&Ended, &CommandError>) {
        self.record.end_time_utc = Some(self.ctx.env.now());
        if let Some((key, about)) = self.target.about() {
            self.record.extra.insert(key.to_owned(), about);
        }
        (self.record.status, self.record.exit_code) = match outcome.map(|ended| ended.exit) {
            Ok(Exit::Code(0)) => (Status::Completed, Some(0)),
            Ok(Exit::Code(code)) => (Status::Failed, Some(code)),
            Ok(Exit::Canceled) => (Status::Canceled, None),
            Ok(Exit::Signal(_)) | Err(_) => (Status::Failed, None),
        };
        match outcome {
            Ok(ended) => {
                killed::note(&mut self.record, ended);
                self.log(&format!("the script ended: {}", killed::describe(ended)));
            }
            Err(error) => {
                let why = self.secrets.masked(&error.chain().join(": "));
                killed::note_failure(&mut self.record, &why);
                self.log(&format!("the script could not be run: {why}"));
            }
        }
        if outcome.is_ok_and(|ended| ended.left_processes) {
            let group = self.record.pid.map_or_else(String::new, |pid| format!(" (process group {pid})"));
            self.warn(&CommandError::failed(format!("processes that the script started still run{group}")));
        }
    }

    /// Takes what was logged into the record, and the file itself if it says more than the last values. Gives
    /// the values that could not be recorded.
    fn collect_metrics(&mut self) -> Result<Vec<String>, CommandError> {
        let path = self.live.metrics_file();
        let failed = |error| CommandError::file("read", &path, error);
        let logged = self.live.logged().map_err(failed)?;
        logged.put_in(&mut self.record);
        self.children = logged.children(&self.record, &self.secrets).map_err(failed)?;
        if logged.own.repeated {
            self.attachments
                .add(Path::new(metrics::FILE), &path)
                .map_err(|error| CommandError::file("keep", &path, error))?;
        }
        Ok(logged.own.refused)
    }

    /// Commits the attachments, so that they are pushed with the record, and the records of the runs below this one.
    fn commit_attachments(&mut self) {
        let (children, limits) = (std::mem::take(&mut self.children), self.plan.attachments);
        if let Err(error) = nested::record(self.ctx, self.opened, children, limits, &self.secrets) {
            self.warn(&error);
        }
        let Self { ctx, opened, attachments, record, secrets, .. } = self;
        if let Err(error) = upload::commit(ctx, opened, attachments, record, limits, secrets) {
            self.warn(&error);
        }
    }

    /// Records the end, shows it, and removes the state of the run in progress.
    fn finish(self, collected: &Collected) -> Result<RunRecord, CommandError> {
        self.store.put(&self.record, &self.by())?;
        self.ctx.env.pass("submit", 4);
        let (ctx, record) = (self.ctx, self.record);
        self.console.ended(&report::details(ctx, &record, collected, self.attachments.folder()));
        LeftOut::of(&record).hints(ctx).iter().for_each(|hint| ctx.notices.hint(hint));
        if !collected.is_busy {
            if let Err(error) = upload::share(&self.opened.history, &self.attachments, &record) {
                ctx.notices.warning(&error.chain().join(": "));
            }
            let state = ctx.env.state_dir_for(self.opened.project.root());
            self.live.finish().map_err(|error| CommandError::file("tidy up", &state, error))?;
        }
        Ok(record)
    }
}

/// The attachments of a new run, and its control log.
pub(super) fn logs(opened: &Opened, live: &Live) -> Result<(Attachments, ControlLog), CommandError> {
    let attachments = Attachments::of(&opened.history, live.id());
    let control = ControlLog::create(&attachments)
        .map_err(|error| CommandError::file("write into", attachments.folder(), error))?;
    Ok((attachments, control))
}

pub(super) fn claim(ctx: &Context, opened: &Opened, store: RunStore<'_>) -> Result<Live, CommandError> {
    let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
    let now = u64::try_from(ctx.env.now().as_millisecond()).unwrap_or_default();
    // A run id is a name for files too: what a name can't have becomes `_`.
    let name: String = opened
        .project
        .name()
        .chars()
        .map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    Live::claim(&runs_dir, &name, now, |id| store.get(id).is_ok_and(|found| found.is_some()))
        .map_err(|error| CommandError::file("write into", &runs_dir, error))
}

/// The variables that a script inherits.
pub(super) fn inherited(ctx: &Context) -> BTreeMap<OsString, OsString> {
    let mut inherited: BTreeMap<OsString, OsString> = ctx.env.vars().clone();
    // A script has no business with azml's credentials, nor with a node's own folders.
    let of_node: &[&str] = if ctx.env.has(AZML_NODE_DIR) {
        &[AZML_NODE_DIR, AZML_STATE_DIR, AZML_HEARTBEAT, AZML_LARGE_FILE, AZML_LARGE_LIMIT]
    } else {
        &[]
    };
    for own in [AZML_VSTS_TOKEN, AZML_DETACHED].iter().chain(of_node) {
        inherited.remove(OsStr::new(own));
    }
    inherited
}

pub(super) fn target(ctx: &Context, opened: &Opened, plan: &Plan, live: &Live) -> Box<dyn Target> {
    let inherited = inherited(ctx);
    let work = (!plan.in_place).then(|| live.work());
    let project = keeping::folders(ctx, opened.project.root(), opened.project.id());
    let local = Local::new(opened.history.clone(), work, project, plan.config.python.clone(), inherited);
    let environments = ctx.env.state_dir_for(opened.project.root()).join("environments");
    let local =
        local.managed_in(environments, plan.config.managed.clone()).by_spark(plan.config.spark.clone());
    Box::new(local.contained_in(plan.config.container.clone()))
}

pub(super) fn take_snapshot(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    live: &Live,
) -> Result<Taken, CommandError> {
    let message = Message {
        run_id: Some(live.id().clone()),
        script: Some(plan.program.name().to_owned()),
        target: Some(plan.config.target.clone()),
        ..Message::default()
    };
    let taken = snapshot::take(ctx, &opened.history, message, plan.allow_large)?;
    let short = taken.commit.to_hex_with_len(10);
    let change = if taken.is_new {
        format!("{} files, {} new or changed", taken.files, taken.changed)
    } else {
        "nothing changed since".to_owned()
    };
    ctx.notices.status(&format!("Snapshot {short}: {change}"));
    Ok(taken)
}

/// The record of a run that is being submitted, and the secrets that are masked in it; `command` has the words that are
/// executed, where they are more than the script and its arguments.
pub(super) fn first_record(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    command: Option<Vec<String>>,
    live: &Live,
    taken: &Taken,
) -> (RunRecord, Secrets) {
    let root = opened.project.root();
    let (arguments, mut masked, mut secrets) = Secrets::of(ctx, root, &plan.config, plan.program.arguments());
    let name = secrets.masked(plan.program.name());
    let mut record = RunRecord::new(live.id().clone(), opened.project.id(), name, ctx.env.now());
    if let Some(words) = command {
        let (first, rest) = words.split_first().expect("a command has a word");
        let (rest, all_masked, all_secrets) = Secrets::of(ctx, root, &plan.config, rest);
        record.command = Some(std::iter::once(first.clone()).chain(rest).collect());
        (masked, secrets) = (all_masked, all_secrets);
    }
    let label = plan.label.clone();
    (record.name, record.description, record.tags) = (label.name, label.description, label.tags);
    record.parameters = parameters::of_arguments(&arguments);
    record.parameters.extend(label.parameters);
    record.parent_run_id = label.parent.map(|parent| parent.to_string());
    if let Some(member) = label.member {
        member.put(&mut record);
    }
    for text in record.name.iter_mut().chain(&mut record.description) {
        *text = secrets.masked(text);
    }
    for (name, text) in record.parameters.iter_mut().chain(&mut record.tags) {
        if secret::is_secret_value(name, text) {
            MASK.clone_into(text);
        }
    }
    secrets.mask_logged(&mut record);
    record.arguments = arguments;
    record.target.clone_from(&plan.config.target);
    record.user_id = ctx.author(root).email;
    record.host = Some(host_name());
    record.set_commit_id(taken.commit);
    LeftOut { arguments: secrets::named(&masked), files: Vec::new() }.put(&mut record);
    (record, secrets)
}
