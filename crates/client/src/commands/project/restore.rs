//! `azml project restore`.

use std::path::PathBuf;

use azml_core::quote::quoted;
use azml_core::restore::{Backup, Done, Plan};
use gix::bstr::BString;
use serde_json::{Map, Value, json};

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::ops::restore::{self, Snapshot, counted};
use crate::ops::snapshot;
use crate::ui::{Numbers, Output};

/// Make the project folder equal to the snapshot of a run
///
/// Changed files are rewritten, and files that the snapshot lacks are removed. Ignored files, `.git`, your branches and
/// your index stay as they are. azml keeps what it overwrites: `azml project restore --undo` brings it back. A snapshot
/// that is not on this computer is fetched from the remote. If the snapshot's own ignore files no longer ignore a file,
/// azml still keeps it out of later snapshots until `.amlignore` has a line for it.
///
/// Example: `azml project restore --run-id iris_1504832281116 --dry-run`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or an unambiguous beginning of it or of its number
    #[arg(long, short, value_name = "RUN_ID", alias = "run", required_unless_present = "undo")]
    run_id: Option<String>,
    /// Only list what would change
    #[arg(long)]
    dry_run: bool,
    /// Go back to what the last restore overwrote
    #[arg(long, conflicts_with = "run_id")]
    undo: bool,
    /// Also back up and replace ignored files that are in the way
    #[arg(long)]
    force: bool,
    /// A personal access token for the remote
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Plans, then does it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let Some(run) = args.run_id.as_deref().filter(|_| !args.undo) else {
        return undo(ctx, &opened, args);
    };
    let Snapshot { record, commit, tree } =
        restore::find_snapshot(ctx, &opened, run, args.vststoken.as_deref())?;
    let head = json!({"run_id": record.run_id.as_str(), "commit": commit.to_string()});
    if args.dry_run {
        return Ok(planned(ctx, &restore::plan(&opened, tree)?, &head));
    }
    let (plan, done) = restore::restore(ctx, &opened, tree, args.force)?;
    if done.backup.is_none() {
        ctx.notices.status(&format!("The folder already is the snapshot of run {}", record.run_id));
    } else {
        ctx.notices.status(&format!("Restored the snapshot of run {}; {}", record.run_id, counted(&done)));
    }
    Ok(finished(ctx, &plan, &done, &head))
}

fn undo(ctx: &Context, opened: &Opened, args: &Args) -> Result<Output, CommandError> {
    let head = |backup: Backup| json!({"undone_backup": backup.number});
    if args.dry_run {
        let (backup, plan) = restore::plan_undo(opened)?;
        return Ok(planned(ctx, &plan, &head(backup)));
    }
    let (backup, plan, done) = restore::undo(ctx, opened, args.force)?;
    ctx.notices.status(&format!("Went back to how the folder was before the restore; {}", counted(&done)));
    Ok(finished(ctx, &plan, &done, &head(backup)))
}

fn paths<'a>(paths: impl Iterator<Item = &'a BString>) -> Value {
    paths.map(|path| Value::from(quoted(path))).collect()
}

/// What would be or was done, path by path.
fn listed(plan: &Plan, head: &Value) -> (Map<String, Value>, Vec<Map<String, Value>>) {
    let mut value = head.as_object().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for (key, list) in [
        ("added", paths(plan.added())),
        ("changed", paths(plan.changed())),
        ("removed", paths(plan.removed())),
    ] {
        for path in list.as_array().into_iter().flatten() {
            let cells = [("Change".to_owned(), Value::from(key)), ("Path".to_owned(), path.clone())];
            rows.push(Map::from_iter(cells));
        }
        value.insert(key.to_owned(), list);
    }
    value.insert("in_the_way".to_owned(), paths(plan.in_the_way.iter()));
    value.insert("held_back".to_owned(), paths(plan.unignored.iter()));
    value.insert("passed_over".to_owned(), paths(plan.passed_over.iter()));
    for path in &plan.unignored {
        let cells = [("Change", "held back".into()), ("Path", quoted(path).into())];
        rows.push(cells.map(|(header, cell)| (header.to_owned(), cell)).into_iter().collect());
    }
    (value, rows)
}

fn planned(ctx: &Context, plan: &Plan, head: &Value) -> Output {
    tell_unignored(ctx, plan);
    snapshot::tell_passed_over(ctx, &plan.passed_over);
    let (mut value, mut rows) = listed(plan, head);
    value.insert("dry_run".to_owned(), true.into());
    for path in &plan.in_the_way {
        let cells = [("Change".to_owned(), "in the way".into()), ("Path".to_owned(), quoted(path).into())];
        rows.push(Map::from_iter(cells));
    }
    Output::WithTable { value: Value::Object(value), rows, numbers: Numbers::AsText }
}

fn tell_unignored(ctx: &Context, plan: &Plan) {
    snapshot::tell_held_back(
        ctx,
        "ignored until now, and not by the rules of that snapshot; held back from snapshots until you decide",
        &plan.unignored,
    );
}

pub(crate) fn finished(ctx: &Context, plan: &Plan, done: &Done, head: &Value) -> Output {
    let (mut value, rows) = listed(plan, head);
    snapshot::tell_passed_over(ctx, &plan.passed_over);
    value.insert("backup".to_owned(), done.backup.map_or(Value::Null, Value::from));
    value.insert("saved".to_owned(), paths(done.saved.iter()));
    if !done.saved.is_empty() {
        let names: Vec<_> = done.saved.iter().map(|path| quoted(path)).collect();
        ctx.notices.warning(&format!(
            "edited while the restore was going on, and kept in the backup: {}",
            names.join(", ")
        ));
    }
    if done.backup.is_some() {
        tell_unignored(ctx, plan);
        ctx.notices.hint("what it overwrote is kept; to go back: {azml} project restore --undo");
    }
    Output::WithTable { value: Value::Object(value), rows, numbers: Numbers::AsText }
}
