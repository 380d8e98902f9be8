//! Taking a snapshot for a command: who, when, on top of what; progress; what was left out.

use azml_core::history::HistoryRepo;
use azml_core::snapshot::{self, LeftOut, Limits, Message, Observer, Request, Taken, Why};
use azml_core::user_repo::UserRepo;

use crate::context::{Context, size};
use crate::error::CommandError;
use crate::ui::Progress;
use crate::upkeep;

/// How many left-out files are named.
const NAMED: usize = 5;

struct Bar<'a>(&'a Progress);

impl Observer for Bar<'_> {
    fn progress(&self, progress: snapshot::Progress) {
        match progress {
            snapshot::Progress::Looking { files } => self.0.say(format!("{files} files seen")),
            snapshot::Progress::Storing { files, of_files, bytes, of_bytes } => {
                let text = format!("{files}/{of_files} files, {} of {}", size(bytes), size(of_bytes));
                self.0.part(bytes, of_bytes.max(1), text);
            }
        }
    }
}

/// How much a snapshot may store.
pub fn limits(allow_large: bool) -> Limits {
    if allow_large { Limits::NONE } else { Limits::default() }
}

/// Takes a snapshot of the project folder, with the user's HEAD as its base.
pub fn take(
    ctx: &Context,
    history: &HistoryRepo,
    mut message: Message,
    allow_large: bool,
) -> Result<Taken, CommandError> {
    let user = history.user_repo()?;
    if message.base.is_none() {
        message.base = user.map(UserRepo::head).transpose()?.flatten();
    }
    let request = Request {
        home: ctx.env.home().map(ToOwned::to_owned),
        limits: limits(allow_large),
        author: user.map_or_else(|| ctx.author(history.root()), |user| ctx.author_by(user.identity())),
        time: ctx.env.now(),
        message,
    };
    let progress = ctx.ui.progress("Snapshot");
    let taken = snapshot::take(history, &request, &Bar(&progress))?;
    drop(progress);
    tell_left_out(ctx, &taken.left_out);
    // Also when nothing was new: each run's record is some objects.
    upkeep::start_if_due(history);
    Ok(taken)
}

/// Names the files that a snapshot has left out by itself.
fn tell_left_out(ctx: &Context, left_out: &[LeftOut]) {
    let reasons = [
        (Why::Secret, "it looks like a secret", "they look like secrets"),
        (Why::Special, "it is no file", "they are no files"),
        (Why::Unreadable, "it can't be read", "they can't be read"),
        (Why::Changing, "it kept changing", "they kept changing"),
        (Why::Name, "Git can't store its name", "Git can't store their names"),
    ];
    for left in left_out.iter().filter(|left| left.why == Why::Repository) {
        ctx.ui.warning(&format!(
            "the index of the Git repository {} can't be read: ignore rules alone decide there",
            left.path
        ));
        ctx.ui.hint(&format!("see what is wrong with it: git -C '{}' status", left.path));
    }
    for (why, one, many) in reasons {
        let paths: Vec<String> =
            left_out.iter().filter(|left| left.why == why).map(|left| left.path.to_string()).collect();
        let Some(first) = paths.first() else { continue };
        let named = paths.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more =
            if paths.len() > NAMED { format!(" and {} more", paths.len() - NAMED) } else { String::new() };
        let reason = if paths.len() == 1 { one } else { many };
        ctx.ui.warning(&format!("left out of the snapshot, because {reason}: {named}{more}"));
        if why == Why::Secret {
            ctx.ui.hint(&format!("if it is none, take it in: echo '!/{first}' >> .amlignore"));
        }
    }
}
