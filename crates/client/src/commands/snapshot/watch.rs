//! `azml snapshot watch`.

use std::time::Duration;

use azml_core::quote::quoted;
use gix::bstr::BString;
use serde_json::{Value, json};

use super::SHORT;
use super::list::{fields, time};
use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::limits::WATCH_NAMED;
use crate::ops::watch::{self, End, Event, Options};
use crate::run::signals::Cancel;
use crate::ui::{Output, Ui};

/// Take a snapshot whenever files have changed and are quiet again
///
/// For coding agents, and for people who want to go back to any minute. Prints one line for each snapshot, pushes it in
/// the background, and costs nothing while nothing changes. Ends with Ctrl-C or SIGTERM (exit code 0), and when the
/// project is gone (3).
///
/// Example: `azml snapshot watch --debounce 5s --json`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The time that files have to be quiet: seconds, or with a unit (500ms, 2s, 1m)
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    debounce: Duration,
    /// One JSON object a line, for programs
    #[arg(long)]
    json: bool,
    /// The snapshots' subject
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,
    /// Check the folder at intervals instead of waiting for notifications of the system, for example on a network file
    /// system
    #[arg(long)]
    poll: bool,
    /// Leave the push to the next run or `azml history sync`
    #[arg(long)]
    no_push: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

/// The longest time of quiet that can be asked for.
const LONGEST: Duration = Duration::from_hours(24);

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let scale = match &text[digits..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        _ => return Err("use a number with ms, s or m, such as 2s".to_owned()),
    };
    let number: f64 =
        text[..digits].parse().map_err(|_| "use a number with ms, s or m, such as 2s".to_owned())?;
    let duration = Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())?;
    if duration > LONGEST { Err("that is more than a day".to_owned()) } else { Ok(duration) }
}

/// Watches until it is ended.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let root = opened.project.root().to_owned();
    let options = Options {
        debounce: args.debounce,
        polls: args.poll,
        pushes: !args.no_push,
        message: args.message.clone(),
    };
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    let line = |value: &Value| ui.write_out(format!("{value}\n").as_bytes());
    let mut written = Ok(());
    let end = watch::watch(ctx, opened, &options, &cancel, &mut |event| {
        let told = if args.json { line(&as_json(&root, &event)) } else { tell(ui, ctx, &root, &event) };
        written = std::mem::replace(&mut written, Ok(())).and(told);
    })?;
    written?;
    if args.json {
        let why = if end == End::Signal { "signal" } else { "gone" };
        line(&json!({"event": "stopped", "why": why}))?;
    }
    match end {
        End::Signal => Ok(Output::Nothing),
        End::Gone => Err(CommandError::not_found(format!("the project in {} is gone", root.display()))
            .hint("nothing was watched since; see what is there: ls -la on the folder")),
    }
}

fn as_json(root: &std::path::Path, event: &Event) -> Value {
    match event {
        Event::Watching { folders } => json!({
            "event": "watching",
            "project": root.to_string_lossy(),
            "folders": folders,
            "by": if folders.is_some() { "inotify" } else { "polling" },
        }),
        Event::Taken { described, changes } => {
            let mut value = fields(described);
            value.insert("event".to_owned(), "snapshot".into());
            let change = |(letter, path): &(char, BString)| json!({"status": letter.to_string(), "path": quoted(path)});
            value.insert("changes".to_owned(), changes.iter().take(WATCH_NAMED).map(change).collect());
            value.into()
        }
        Event::Failed(error) => {
            json!({"event": "error", "message": error.chain().join(": "), "hints": error.hints})
        }
    }
}

fn tell(ui: &Ui, ctx: &Context, root: &std::path::Path, event: &Event) -> Result<(), CommandError> {
    match event {
        Event::Watching { folders: Some(folders) } => {
            ctx.notices.status(&format!("Watching {folders} folders of {}; Ctrl-C ends it", root.display()));
        }
        Event::Watching { folders: None } => {
            ctx.notices.status(&format!("Looking at {} every now and then; Ctrl-C ends it", root.display()));
        }
        Event::Taken { described, changes } => {
            let named =
                changes.iter().take(WATCH_NAMED).map(|(letter, path)| format!("{letter} {}", quoted(path)));
            let named = named.collect::<Vec<_>>().join(", ");
            let more = changes.len().saturating_sub(WATCH_NAMED);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let short = described.commit.to_hex_with_len(SHORT);
            let time = time(described).unwrap_or_default();
            let line = format!("{short}  {time}  {named}{more}\n");
            return ui.write_out(crate::text::clean_except(&line, &["\n"]).as_bytes());
        }
        Event::Failed(error) => {
            ctx.notices.warning(&format!("no snapshot could be taken: {}", error.chain().join(": ")));
            error.hints.iter().for_each(|hint| ctx.notices.hint(hint));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, ms) in [("2s", 2000), ("500ms", 500), ("1m", 60_000), ("3", 3000), ("0.5", 500), ("0", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "2h", "-1", "1e999", "99999999", "two", "1..2s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
