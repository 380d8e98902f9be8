//! `azml project restore`, and what other commands share with it.

use std::path::PathBuf;

use azml_core::quote::quoted;
use azml_core::restore::{Backup, Done, Plan, Target};
use gix::bstr::BString;
use serde_json::{Map, Value, json};

use crate::commands::args::LinkedProjectArgs;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::named::{self, Snapshot};
use crate::ops::restore::{self, counted};
use crate::ops::snapshot;
use crate::ui::Output;

/// Make the project folder, or some files of it, equal to the snapshot of a run, or to any other snapshot
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
    #[arg(long, short, value_name = "RUN_ID", alias = "run")]
    #[arg(required_unless_present_any = ["undo", "snapshot"])]
    run_id: Option<String>,
    /// Another snapshot: a commit id or its beginning, HEAD~2, a tag, or a time such as "2 hours ago"
    #[arg(long, short, value_name = "NAME", conflicts_with = "run_id")]
    snapshot: Option<String>,
    /// Go back to what the last restore overwrote
    #[arg(long, conflicts_with_all = ["run_id", "snapshot", "to", "paths"])]
    undo: bool,
    #[command(flatten)]
    what: What,
}

/// The arguments of every restore.
#[derive(Debug, clap::Args)]
pub struct What {
    /// Only these files and folders; all others stay as they are
    #[arg(value_name = "PATH", last = true)]
    paths: Vec<PathBuf>,
    /// Write the files into this folder, which is new or empty, and leave the project alone
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dry_run", "force"])]
    to: Option<PathBuf>,
    /// Only list what would change
    #[arg(long)]
    dry_run: bool,
    /// Leave large files out: their places get the Git LFS pointers of three lines
    #[arg(long)]
    no_large: bool,
    /// Also back up and replace ignored files that are in the way
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Plans, then does it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    if let (Some(name), false) = (&args.snapshot, args.undo) {
        return snapshot(ctx, name, &args.what);
    }
    let opened = args.what.project.open(ctx)?;
    let Some(run) = args.run_id.as_deref().filter(|_| !args.undo) else {
        return undo(ctx, &opened, &args.what);
    };
    let found = named::snapshot_of_run(ctx, &opened, run, args.what.project.token())?;
    restore(ctx, &opened, &found, &args.what)
}

/// Restores the snapshot that a name means.
pub fn snapshot(ctx: &Context, name: &str, what: &What) -> Result<Output, CommandError> {
    let opened = what.project.open(ctx)?;
    let found = named::snapshot(ctx, &opened, name, what.project.token())?;
    restore(ctx, &opened, &found, what)
}

fn restore(ctx: &Context, opened: &Opened, found: &Snapshot, what: &What) -> Result<Output, CommandError> {
    let mut head = json!({"commit": found.commit.to_string()});
    let short = found.commit.to_hex_with_len(10);
    let mut called = format!("snapshot {short}");
    if let Some(run) = &found.run {
        head = json!({"run_id": run.as_str(), "commit": found.commit.to_string()});
        called = format!("the snapshot of run {run}");
    }
    let paths = named::paths(ctx, opened, &what.paths)?;
    // A tree in which pointers are texts.
    let tree = if what.no_large { found.tree.id.into() } else { found.tree };
    if let Some(folder) = &what.to {
        let written = restore::write_to(ctx, opened, (tree, &paths), folder, what.project.token())?;
        snapshot::warn_passed_over(ctx, &written.passed_over);
        ctx.notices.status(&format!("Wrote {called} to {}: {} files", folder.display(), written.files));
        head["to"] = folder.to_string_lossy().into();
        head["files"] = written.files.into();
        head["bytes"] = written.bytes.into();
        return Ok(Output::Value(head));
    }
    let is_whole = paths.is_empty();
    let target = Target { tree: tree.id, paths, has_large: tree.has_large };
    if what.dry_run {
        return Ok(planned(ctx, &restore::plan(opened, target)?.1, &head));
    }
    let (plan, done) = restore::restore(ctx, opened, &target, what.force, what.project.token())?;
    let files = if is_whole { "The folder already is" } else { "These files already are as in" };
    if done.backup.is_none() {
        ctx.notices.status(&format!("{files} {called}"));
    } else {
        ctx.notices.status(&format!("Restored {called}; {}", counted(&done)));
    }
    Ok(finished(ctx, &plan, &done, &head))
}

fn undo(ctx: &Context, opened: &Opened, args: &What) -> Result<Output, CommandError> {
    let head = |backup: Backup| json!({"undone_backup": backup.number});
    if args.dry_run {
        let (_, backup, plan) = restore::plan_undo(opened)?;
        return Ok(planned(ctx, &plan, &head(backup)));
    }
    let (backup, plan, done) = restore::undo(ctx, opened, args.force)?;
    ctx.notices.status(&format!("Went back to how the folder was before the restore; {}", counted(&done)));
    Ok(finished(ctx, &plan, &done, &head(backup)))
}

fn paths<'a>(paths: impl Iterator<Item = &'a BString>) -> Value {
    paths.map(|path| Value::from(quoted(path))).collect()
}

/// Lists a plan's changes by path.
fn listed(plan: &Plan, head: &Value) -> Map<String, Value> {
    let mut value = head.as_object().cloned().unwrap_or_default();
    value.insert("added".to_owned(), paths(plan.added()));
    value.insert("changed".to_owned(), paths(plan.changed()));
    value.insert("removed".to_owned(), paths(plan.removed()));
    value.insert("in_the_way".to_owned(), paths(plan.in_the_way.iter()));
    value.insert("held_back".to_owned(), paths(plan.unignored.iter()));
    value.insert("passed_over".to_owned(), paths(plan.passed_over.iter()));
    value
}

/// The table of what [`listed`] has. What was in the way is no change once all is done.
fn rows(value: &Value) -> Vec<Map<String, Value>> {
    let mut lists =
        vec![("added", "added"), ("changed", "changed"), ("removed", "removed"), ("held back", "held_back")];
    if value.get("dry_run").is_some() {
        lists.push(("in the way", "in_the_way"));
    }
    let row = |change: &str, path: &Value| {
        let cells = [("Change".to_owned(), Value::from(change)), ("Path".to_owned(), path.clone())];
        Map::from_iter(cells)
    };
    let list = |(change, key)| {
        let paths = value.get(key).and_then(Value::as_array).into_iter().flatten();
        paths.map(move |path| row(change, path))
    };
    lists.into_iter().flat_map(list).collect()
}

fn planned(ctx: &Context, plan: &Plan, head: &Value) -> Output {
    warn_unignored(ctx, plan);
    snapshot::warn_passed_over(ctx, &plan.passed_over);
    let mut value = listed(plan, head);
    value.insert("dry_run".to_owned(), true.into());
    Output::WithRows { value: Value::Object(value), rows }
}

fn warn_unignored(ctx: &Context, plan: &Plan) {
    snapshot::warn_held_back(
        ctx,
        "ignored until now, and not by the rules of that snapshot; held back from snapshots until you decide",
        &plan.unignored,
    );
}

pub(crate) fn finished(ctx: &Context, plan: &Plan, done: &Done, head: &Value) -> Output {
    let mut value = listed(plan, head);
    snapshot::warn_passed_over(ctx, &plan.passed_over);
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
        warn_unignored(ctx, plan);
        ctx.notices.hint("what it overwrote is kept; to go back: {azml} project restore --undo");
    }
    Output::WithRows { value: Value::Object(value), rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(value: &Value) -> Vec<(String, String)> {
        let cell = |row: &Map<String, Value>, at: &str| row[at].as_str().unwrap().to_owned();
        rows(value).iter().map(|row| (cell(row, "Change"), cell(row, "Path"))).collect()
    }

    #[test]
    fn a_table_has_a_row_for_each_path_and_obstacles_only_before_the_restore() {
        let mut value = json!({
            "added": ["a"], "changed": ["b", "c"], "removed": [], "held_back": ["d/"], "in_the_way": ["e"],
            "passed_over": ["f"], "backup": 1, "saved": [],
        });
        let row = |change: &str, path: &str| (change.to_owned(), path.to_owned());
        let mut wanted =
            vec![row("added", "a"), row("changed", "b"), row("changed", "c"), row("held back", "d/")];
        assert_eq!(table(&value), wanted);
        value["dry_run"] = true.into();
        wanted.push(row("in the way", "e"));
        assert_eq!(table(&value), wanted);
    }
}
