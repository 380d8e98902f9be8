//! Running the members of a sweep: so many threads, a queue, and the thread of the sweep, which cancels and tells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use azml_core::id::RunId;
use azml_core::run::{RunRecord, RunStore, Status};
use azml_core::snapshot::Taken;
use crossbeam_channel::{Receiver, Sender, never, select, tick, unbounded};
use signal_hook::consts::SIGTERM;

use super::{Definition, Event, Place, Swept, Values, members};
use crate::context::{Context, Opened};
use crate::engine;
use crate::error::CommandError;
use crate::notices::{Level, Notices, Progress, Unwatched};
use crate::ops::push::Push;
use crate::ops::submit::{self, Member, Plan};
use crate::run::attachments::{Attachments, ControlLog};
use crate::run::console::Console;
use crate::run::delivery::Asker;
use crate::run::live::{self, Live};
use crate::run::secrets::Secrets;
use crate::run::signals::Cancel;
use crate::run::streams::Stream;
use crate::run::{heartbeat, keeping, recovery, upload};

/// The time between two looks at whether a member is to end.
pub(super) const CANCEL_LOOK: Duration = Duration::from_millis(200);

/// A sweep that is recorded as running.
pub(super) struct Sweep<'a> {
    pub(super) ctx: &'a Context,
    pub(super) opened: &'a Opened,
    /// The plan of the first member.
    pub(super) plan: Plan,
    pub(super) definition: Definition,
    /// The words of the command, with placeholders.
    pub(super) words: Vec<String>,
    pub(super) taken: Taken,
    pub(super) live: Live,
    pub(super) control: ControlLog,
    pub(super) secrets: Secrets,
    pub(super) record: RunRecord,
    /// The members to run.
    pub(super) todo: Vec<(u64, Values)>,
    /// Those of them that a target has already.
    pub(super) going: BTreeMap<u64, RunRecord>,
    /// The most that run at once, if that was said.
    pub(super) parallel: Option<usize>,
}

/// A report of a thread on a member.
enum News {
    /// It is recorded; a signal that is sent there cancels it.
    Started(u64, Values, RunId, Sender<i32>),
    Ended(u64, Values, Box<RunRecord>, Option<CommandError>),
    /// It could not be recorded.
    Lost(CommandError),
}

impl Sweep<'_> {
    /// Runs the members, and records the end of the sweep.
    pub(super) fn complete(
        mut self,
        cancel: &Cancel,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Swept, CommandError> {
        let (ctx, opened) = (self.ctx, self.opened);
        let by = ctx.signature(opened.project.root());
        let push =
            self.plan.remote.as_ref().map(|remote| Push::start(&opened.history, remote, by)).transpose()?;
        self.say(&format!("snapshot {}; {} runs to do", self.taken.commit, self.todo.len()));
        tell(Event::Recorded(&self.record, self.todo.len()));
        let lost = self.run_all(push.as_ref(), cancel, tell);
        let members = members(opened, &self.record)?;
        let of = self.definition.members.len();
        let completed = members.iter().filter(|member| member.status == Status::Completed).count();
        let was_canceled = matches!(lost, Ok(true));
        self.record.status = if completed == of {
            Status::Completed
        } else if was_canceled {
            Status::Canceled
        } else {
            Status::Failed
        };
        self.record.exit_code = (completed == of).then_some(0);
        self.record.end_time_utc = Some(ctx.env.now());
        self.say(&format!("{}: {completed} of {of} runs have completed", self.record.status));
        let sweep = self.finish()?;
        recovery::adopt_old_folders(ctx, opened);
        keeping::tidy(ctx, opened);
        if let Some(push) = push {
            push.finish(ctx, opened, cancel, "run");
        }
        lost.map(|_| Swept { sweep, members, of })
    }

    /// Runs all members that are to be run, as an array of their engine if it has arrays; says whether it was cancelled.
    fn run_all(
        &mut self,
        push: Option<&Push>,
        cancel: &Cancel,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, CommandError> {
        if let Some(place) = engine::place(&self.plan.config.compute)? {
            let engine = engine::of(self.ctx, &place)?;
            if let Some(arrays) = engine.arrays() {
                return self.run_array((&*engine, arrays, &place), push, cancel, tell);
            }
        }
        self.run_members(push, cancel, tell)
    }

    pub(super) fn say(&mut self, line: &str) {
        self.control.say(self.ctx.env.now(), line);
    }

    /// Runs all members that are to be run; says whether it was cancelled.
    fn run_members(
        &mut self,
        push: Option<&Push>,
        cancel: &Cancel,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, CommandError> {
        let (of, stop) = (self.definition.members.len(), AtomicBool::new(false));
        let (ask, queue) = unbounded();
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let threads = self.parallel.unwrap_or_else(processors).clamp(1, self.todo.len().max(1));
        for member in self.todo.drain(..) {
            ask.send(member).map_err(CommandError::failed)?;
        }
        drop(ask);
        let (news, events) = unbounded();
        let every = self.ctx.settings.heartbeat();
        let beats = if every.is_zero() { never() } else { tick(every) };
        let looks = tick(CANCEL_LOOK);
        let runs_dir =
            live::runs_dir(&self.ctx.env.state_dir_for(self.opened.project.root()), self.opened.project.id());
        let mut lost = None;
        // Those that run.
        let mut running: BTreeMap<u64, (RunId, Sender<i32>)> = BTreeMap::new();
        thread::scope(|scope| {
            for turn in 0..threads {
                let worker = self.worker(push, (queue.clone(), news.clone()));
                let stop = &stop;
                let thread = thread::Builder::new().name("member".to_owned());
                match thread.spawn_scoped(scope, move || worker.work(stop)) {
                    Ok(_) => {}
                    // The others do its work.
                    Err(error) if turn > 0 => tracing::warn!(%error, "fewer members run at once"),
                    Err(error) => return Err(CommandError::failed(error)),
                }
            }
            drop(news);
            loop {
                select! {
                    recv(events) -> event => match event {
                        Ok(News::Started(number, values, id, signal)) => {
                            if stop.load(Ordering::Relaxed) {
                                let _ = signal.send(SIGTERM);
                            }
                            running.insert(number, (id, signal));
                            tell(Event::Started(&Place { number, of, values: &values }));
                        }
                        Ok(News::Ended(number, values, record, error)) => {
                            running.remove(&number);
                            self.say(&format!("run {number}, {}: {}", record.run_id, record.status));
                            let place = Place { number, of, values: &values };
                            tell(Event::Ended(&place, &record, error.as_ref()));
                            if let Some(push) = push {
                                push.asker().push();
                            }
                        }
                        Ok(News::Lost(error)) => {
                            stop.store(true, Ordering::Relaxed);
                            self.say(&format!("a run could not be recorded: {}", error.chain().join(": ")));
                            lost.get_or_insert(error);
                        }
                        Err(_) => return Ok(()),
                    },
                    recv(cancel.received()) -> signal => {
                        stop.store(true, Ordering::Relaxed);
                        for (_, to) in running.values() {
                            let _ = to.send(signal.unwrap_or(SIGTERM));
                        }
                    }
                    recv(looks) -> _ => {
                        // Where every signal is ignored, the sweep itself is asked like this, too.
                        if live::is_cancel_asked(&runs_dir, self.live.id()) && !stop.swap(true, Ordering::Relaxed) {
                            for (_, to) in running.values() {
                                let _ = to.send(SIGTERM);
                            }
                        }
                        // A second signal would kill it at once.
                        let asked = |(id, _): &&(RunId, Sender<i32>)| live::is_cancel_asked(&runs_dir, id);
                        let asked: Vec<u64> = running.iter().filter(|(_, run)| asked(run)).map(|(number, _)| *number).collect();
                        for (_, to) in asked.iter().filter_map(|number| running.remove(number)) {
                            let _ = to.send(SIGTERM);
                        }
                    }
                    recv(beats) -> _ => self.beat(),
                }
            }
        })?;
        match lost {
            Some(error) => Err(error),
            None => Ok(stop.load(Ordering::Relaxed)),
        }
    }

    fn worker(&self, push: Option<&Push>, (queue, news): (Receiver<(u64, Values)>, Sender<News>)) -> Worker {
        let ctx = self.ctx;
        let notices = Arc::new(Quiet(Arc::clone(&ctx.notices)));
        Worker {
            ctx: Context {
                env: ctx.env.clone(),
                notices,
                invoked: ctx.invoked,
                settings: ctx.settings.clone(),
            },
            opened: Opened { project: self.opened.project.clone(), history: self.opened.history.clone() },
            plan: self.plan.clone(),
            definition: self.definition.clone(),
            words: self.words.clone(),
            taken: self.taken.clone(),
            sweep: self.record.clone(),
            going: self.going.clone(),
            asker: push.map(Push::asker),
            queue,
            news,
        }
    }

    /// Gives a sign of life.
    pub(super) fn beat(&self) {
        let mut record = self.record.clone();
        heartbeat::beat(&mut record, self.ctx.env.now());
        let by = self.ctx.signature(self.opened.project.root());
        if let Err(error) = RunStore::new(&self.opened.history).put(&record, &by) {
            tracing::warn!(%error, "the sweep could give no sign of life");
        }
    }

    /// Records the end, and removes the state of the sweep in progress.
    fn finish(mut self) -> Result<RunRecord, CommandError> {
        let (ctx, opened) = (self.ctx, self.opened);
        let attachments = Attachments::of(&opened.history, self.live.id());
        match attachments.list() {
            Ok(list) => self.record.attachments = list,
            Err(error) => ctx.notices.warning(&error.to_string()),
        }
        let limits = self.plan.attachments;
        let committed = upload::commit(ctx, opened, &attachments, &mut self.record, limits, &self.secrets);
        if let Err(error) = committed {
            ctx.notices.warning(&error.chain().join(": "));
        }
        RunStore::new(&opened.history).put(&self.record, &ctx.signature(opened.project.root()))?;
        let state = ctx.env.state_dir_for(opened.project.root());
        self.live.finish().map_err(|error| CommandError::file("tidy up", &state, error))?;
        Ok(self.record)
    }
}

/// The plan of the member with this number and these values; that of the first member, the sweep's definition and the words of its
/// command are given.
pub(super) fn plan_of(
    ctx: &Context,
    opened: &Opened,
    (first, definition, words): (&Plan, &Definition, &[String]),
    sweep: &RunId,
    (number, values): (u64, &Values),
) -> Result<Plan, CommandError> {
    let wanted = definition.wanted(words, values)?;
    let mut plan = first.clone();
    plan.program = submit::program(ctx, opened.project.root(), &plan.config, wanted)?;
    plan.label.description = None;
    plan.label.name = plan.label.name.map(|name| format!("{name}-{number}"));
    plan.label.parameters = values.iter().cloned().collect();
    plan.label.member = Some(Member { parent: sweep.clone(), number });
    Ok(plan)
}

/// A thread that runs one member after another.
struct Worker {
    ctx: Context,
    opened: Opened,
    plan: Plan,
    definition: Definition,
    words: Vec<String>,
    taken: Taken,
    sweep: RunRecord,
    going: BTreeMap<u64, RunRecord>,
    asker: Option<Asker>,
    queue: Receiver<(u64, Values)>,
    news: Sender<News>,
}

impl Worker {
    fn work(self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed)
            && let Ok((number, values)) = self.queue.try_recv()
        {
            let news = match self.run(number, &values) {
                Ok((record, error)) => News::Ended(number, values, Box::new(record), error),
                Err(error) => News::Lost(error),
            };
            if self.news.send(news).is_err() {
                return;
            }
        }
    }

    fn run(&self, number: u64, values: &Values) -> Result<(RunRecord, Option<CommandError>), CommandError> {
        let Self { ctx, opened, .. } = self;
        let of_sweep = (&self.plan, &self.definition, &*self.words);
        let plan = plan_of(ctx, opened, of_sweep, &self.sweep.run_id, (number, values))?;
        let (signal, received) = unbounded();
        let told = Told { news: self.news.clone(), number, values: values.clone(), signal };
        let console: Arc<dyn Console> = Arc::new(told);
        let cancel = Cancel::from_channel(received);
        if let Some(record) = self.going.get(&number) {
            console.recorded(record);
            return Ok((submit::elsewhere::end_of(ctx, opened, record, &cancel)?, None));
        }
        if let Some(place) = engine::place(&plan.config.compute)? {
            let (record, _) = submit::elsewhere::give(ctx, opened, &plan, &place, &console, &self.taken)?;
            if let Some(asker) = &self.asker {
                asker.push();
            }
            return Ok((submit::elsewhere::end_of(ctx, opened, &record, &cancel)?, None));
        }
        let watched = (&cancel, self.asker.clone());
        let (record, outcome) = submit::submit_member(ctx, opened, &plan, &console, &self.taken, watched)?;
        Ok((record, outcome.err()))
    }
}

/// The console of a member: what it prints is in its log alone.
struct Told {
    news: Sender<News>,
    number: u64,
    values: Values,
    signal: Sender<i32>,
}

impl Console for Told {
    fn recorded(&self, record: &RunRecord) {
        let (values, id, signal) = (self.values.clone(), record.submitted_as(), self.signal.clone());
        // The sweep listens as long as a member runs.
        drop(self.news.send(News::Started(self.number, values, id, signal)));
    }

    fn output(&self, _: Stream, _: &[u8]) {}

    fn is_terminal(&self, _: Stream) -> bool {
        false
    }

    fn ended(&self, _: &str) {}
}

/// Lets warnings pass: the steps of dozens of runs at once are no news.
struct Quiet(Arc<dyn Notices>);

impl Notices for Quiet {
    fn message(&self, level: Level, text: &str) {
        if matches!(level, Level::Warning | Level::Prompt) {
            self.0.message(level, text);
        }
    }

    fn progress(&self, _: &str) -> Box<dyn Progress> {
        Box::new(Unwatched)
    }
}
