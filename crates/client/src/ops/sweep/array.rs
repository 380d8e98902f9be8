//! A sweep as arrays of an engine: its members go on there by themselves, and azml looks at all of them at once.

use std::collections::BTreeMap;

use azml_core::run::{RunRecord, Status};
use crossbeam_channel::{never, select, tick};

use super::members::{CANCEL_LOOK, Sweep, plan_of};
use super::{Event, Place, Values};
use crate::engine::{Arrays, Engine, Handle, State};
use crate::error::CommandError;
use crate::limits::REMOTE_LOOK;
use crate::ops::push::Push;
use crate::ops::remote::{self, Looked};
use crate::ops::submit::array::{Common, give};
use crate::run::live;
use crate::run::signals::Cancel;

/// A member that the engine has.
struct Open {
    values: Values,
    record: RunRecord,
    /// True if somebody was told that it runs.
    is_told: bool,
}

impl Sweep<'_> {
    /// Gives the members to an engine and waits for their ends; says whether it was cancelled.
    pub(super) fn run_array(
        &mut self,
        (engine, arrays, place): (&dyn Engine, &dyn Arrays, &Handle),
        push: Option<&Push>,
        cancel: &Cancel,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, CommandError> {
        let (mut open, mut fresh) = (BTreeMap::new(), Vec::new());
        for (number, values) in std::mem::take(&mut self.todo) {
            match self.going.remove(&number) {
                Some(record) => {
                    let is_told = record.status == Status::Running;
                    open.insert(number, Open { values, record, is_told });
                }
                None => fresh.push((number, values)),
            }
        }
        let lost = self.submit((arrays, place), &fresh, &mut open, cancel).err();
        if let Some(push) = push {
            push.asker().push();
        }
        if let Some(error) = &lost {
            self.say(&format!("some runs could not be sent: {}", error.chain().join(": ")));
        }
        let was_canceled = self.follow(engine, open, push, cancel, tell)?;
        lost.map_or(Ok(was_canceled), Err)
    }

    /// Submits arrays of the members, each as large as the engine takes it.
    fn submit(
        &mut self,
        (arrays, place): (&dyn Arrays, &Handle),
        fresh: &[(u64, Values)],
        open: &mut BTreeMap<u64, Open>,
        cancel: &Cancel,
    ) -> Result<(), CommandError> {
        if fresh.is_empty() {
            return Ok(());
        }
        let (ctx, opened) = (self.ctx, self.opened);
        let end = arrays.end()?.max(2);
        let most = usize::try_from(end - 1).unwrap_or(usize::MAX);
        let sweep = self.record.run_id.clone();
        let mut before: Option<String> = None;
        for members in fresh.chunks(most) {
            if cancel.is_asked() {
                break;
            }
            // A task has the number of its member, where the engine takes such numbers.
            let has_numbers = members.iter().all(|(number, _)| *number < end);
            let mut plans = Vec::with_capacity(members.len());
            for (position, (number, values)) in (1..).zip(members) {
                let of_sweep = (&self.plan, &self.definition, &*self.words);
                let plan = plan_of(ctx, opened, of_sweep, &sweep, (*number, values))?;
                plans.push((if has_numbers { *number } else { position }, plan));
            }
            let common = Common {
                arrays,
                place,
                sweep: &sweep,
                taken: &self.taken,
                at_once: self.parallel,
                // The bound is that of all arrays together.
                after: before.as_deref().filter(|_| self.parallel.is_some()),
            };
            let (records, job) = give(ctx, opened, &plans, &common)?;
            let id = job.as_deref().unwrap_or("unknown").to_owned();
            self.say(&format!("{} runs are job {id} on {}", records.len(), place.place()));
            for ((number, values), record) in members.iter().zip(records) {
                open.insert(*number, Open { values: values.clone(), record, is_told: false });
            }
            before = job.or(before);
        }
        Ok(())
    }

    /// Waits for the ends of members that the engine has; says whether it was cancelled.
    fn follow(
        &mut self,
        engine: &dyn Engine,
        mut open: BTreeMap<u64, Open>,
        push: Option<&Push>,
        cancel: &Cancel,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, CommandError> {
        let (ctx, opened, of) = (self.ctx, self.opened, self.definition.members.len());
        let runs_dir = live::runs_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id());
        let every = ctx.settings.heartbeat();
        let beats = if every.is_zero() { never() } else { tick(every) };
        let asks = tick(CANCEL_LOOK);
        let (mut was_canceled, mut has_told_engine, mut is_lost) = (cancel.is_asked(), false, false);
        let mut pause = REMOTE_LOOK.0;
        while !open.is_empty() {
            if was_canceled && !has_told_engine {
                let handles: Vec<Handle> =
                    open.values().filter_map(|open| Handle::of(&open.record)).collect();
                has_told_engine = engine.cancel(&handles).is_ok();
            }
            let records: Vec<RunRecord> = open.values().map(|open| open.record.clone()).collect();
            let looked = remote::look_all(ctx, opened, &records)?;
            let (mut has_news, was_lost) = (false, is_lost);
            is_lost = false;
            let numbers: Vec<u64> = open.keys().copied().collect();
            for (number, Looked { record, state }) in numbers.into_iter().zip(looked) {
                if let Some(State::Unreachable { why }) = state {
                    if !was_lost && !is_lost {
                        remote::tell_lost(ctx, &why);
                    }
                    is_lost = true;
                    continue;
                }
                let Some(member) = open.get_mut(&number) else { continue };
                let place = Place { number, of, values: &member.values };
                if !member.is_told && record.status == Status::Running {
                    member.is_told = true;
                    tell(Event::Started(&place));
                }
                if record.status.is_over() {
                    has_news = true;
                    self.say(&format!("run {number}, {}: {}", record.run_id, record.status));
                    tell(Event::Ended(&place, &record, None));
                    open.remove(&number);
                } else {
                    member.record = record;
                }
            }
            if has_news && let Some(push) = push {
                push.asker().push();
            }
            pause = if has_news { REMOTE_LOOK.0 } else { (pause * 2).min(REMOTE_LOOK.1) };
            let next = crossbeam_channel::after(pause);
            while !open.is_empty() {
                select! {
                    recv(next) -> _ => break,
                    recv(cancel.received()) -> _ => {
                        was_canceled = true;
                        break;
                    }
                    recv(asks) -> _ => {
                        if !was_canceled && live::is_cancel_asked(&runs_dir, self.live.id()) {
                            was_canceled = true;
                            break;
                        }
                    }
                    recv(beats) -> _ => self.beat(),
                }
            }
        }
        Ok(was_canceled)
    }
}
