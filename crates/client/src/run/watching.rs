//! Watching a running script: passes its output on, keeps its process id, gives signs of life.

use std::sync::{Arc, Mutex};

use azml_core::history::HistoryRepo;
use azml_core::run::{RunRecord, RunStore};
use crossbeam_channel::{Receiver, never, select, tick};

use super::console::Console;
use super::delivery::Asker;
use super::live::Live;
use super::process::Ended;
use super::secrets::Secrets;
use super::signals::Cancel;
use super::streams::{Notice, Stream, Watch};
use super::target::{Job, Target};
use super::{heartbeat, process_table};
use crate::context::Context;
use crate::env::Env;
use crate::error::CommandError;
use crate::notices::Notices;

/// Passes on what the script does.
struct Relay {
    console: Arc<dyn Console>,
    notices: Arc<dyn Notices>,
    env: Env,
    record: Arc<Mutex<RunRecord>>,
    news: crossbeam_channel::Sender<News>,
}

/// An event for the thread beside the run.
enum News {
    Started(u32),
    Ended,
}

impl Watch for Relay {
    fn started(&self, pid: u32) {
        let mut record = self.record.lock().expect("no watching thread panics");
        record.pid = Some(pid);
        record.start_time_utc = Some(self.env.now());
        drop(record);
        let _ = self.news.send(News::Started(pid));
        self.console.started();
    }

    fn output(&self, stream: Stream, bytes: &[u8]) {
        self.console.output(stream, bytes);
    }

    fn is_terminal(&self, stream: Stream) -> bool {
        self.console.is_terminal(stream)
    }

    fn notice(&self, notice: &Notice) {
        match &notice.hint {
            None => self.notices.status(&notice.text),
            Some(hint) => {
                self.notices.warning(&notice.text);
                self.notices.hint(hint);
            }
        }
    }
}

/// A run in progress, as the thread beside it sees it.
pub struct Observed<'a> {
    pub console: &'a Arc<dyn Console>,
    pub live: &'a Live,
    pub record: &'a Arc<Mutex<RunRecord>>,
    pub history: HistoryRepo,
    pub asker: Option<Asker>,
    pub secrets: &'a Secrets,
}

/// Runs the job on the target, which is prepared, and watches it.
pub fn execute(
    ctx: &Context,
    target: &mut dyn Target,
    job: &Job,
    observed: Observed<'_>,
    cancel: &Cancel,
) -> Result<Ended, CommandError> {
    let (news, received) = crossbeam_channel::unbounded();
    let watch: Arc<dyn Watch> = Arc::new(Relay {
        console: Arc::clone(observed.console),
        notices: Arc::clone(&ctx.notices),
        env: ctx.env.clone(),
        record: Arc::clone(observed.record),
        news: news.clone(),
    });
    std::thread::scope(|scope| {
        scope.spawn(move || observe(ctx, &observed, &received));
        let ended = target.execute(job, &watch, cancel);
        // Output may still come from what the script left behind: the thread is not to wait for that.
        let _ = news.send(News::Ended);
        Ok(ended?)
    })
}

/// Keeps what is to be known if this azml dies, and gives signs of life.
fn observe(ctx: &Context, observed: &Observed<'_>, received: &Receiver<News>) {
    let every = ctx.settings.heartbeat();
    let beats = if every.is_zero() { never() } else { tick(every) };
    loop {
        select! {
            recv(received) -> news => match news {
                Ok(News::Started(pid)) => {
                    ctx.env.pass("submit", 6);
                    // Here alone: the history hears of the process at the next sign of life, or at the end.
                    let record = observed.record.lock().expect("no watching thread panics").clone();
                    let kept = observed.live.keep(&record).and_then(|()| {
                        process_table::start_token(pid).map_or(Ok(()), |start_token| observed.live.keep_script(&start_token))
                    });
                    if let Err(error) = kept {
                        tracing::warn!(%error, "the process id can't be kept");
                    }
                }
                Ok(News::Ended) | Err(_) => return,
            },
            recv(beats) -> _ => {
                if let Err(error) = beat(ctx, observed) {
                    tracing::warn!(%error, "the run could give no sign of life");
                }
            }
        }
    }
}

fn beat(ctx: &Context, observed: &Observed<'_>) -> Result<(), CommandError> {
    let mut record = observed.record.lock().expect("no watching thread panics").clone();
    heartbeat::beat(&mut record, ctx.env.now());
    let failed = |error| CommandError::file("read", observed.live.folder(), error);
    let logged = observed.live.logged().map_err(failed)?;
    logged.put_in(&mut record);
    observed.secrets.mask_logged(&mut record);
    RunStore::new(&observed.history).put(&record, &ctx.signature(observed.history.root()))?;
    if let Some(asker) = &observed.asker {
        asker.push();
    }
    Ok(())
}
