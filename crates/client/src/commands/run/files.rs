//! `azml run files`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use azml_core::quote::{quoted, quoted_path, unquoted};
use azml_core::restore;
use azml_core::run::{RunRecord, format};
use gix::bstr::ByteSlice as _;
use serde_json::{Map, Value, json};

use crate::commands::project::restore::{counted, finished, tree_here};
use crate::commands::runs;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::faults::Faults;
use crate::ops::open::open_and_recover;
use crate::run::keeping::{self, Left, Where};
use crate::run::kept::{self, Applied, Item};
use crate::run::outputs::PathPattern;
use crate::text::size;
use crate::ui::{Numbers, Output};

/// List the files that a run wrote beside its outputs, and bring them back
///
/// A run has a folder of its own. What its script writes there outside `outputs/`, `logs/` and what the run configuration
/// declares under `outputs` is kept on this computer: new files, changed files of the project's own, and the names of those
/// that it deleted. After the time that the setting keep_days names they go, at the next run.
///
/// Example: `azml run files -r iris_1504832281116 ckpt/ '*.csv' --to /tmp/back`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or an unambiguous beginning of it or of its number
    #[arg(long, short, value_name = "RUN_ID", alias = "run-id")]
    run: String,
    /// Copy the files into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["apply", "delete"])]
    to: Option<PathBuf>,
    /// Bring them into the project folder, and delete there what the run deleted; `azml project restore --undo` takes it back
    #[arg(long, conflicts_with = "delete")]
    apply: bool,
    /// Remove the kept files for good
    #[arg(long)]
    delete: bool,
    /// Also replace files that were changed since the run's snapshot
    #[arg(long)]
    force: bool,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
    /// Only these files or folders, or files like `*.csv` and `**/*.pt`
    #[arg(value_name = "PATTERN")]
    patterns: Vec<OsString>,
}

/// Lists, copies, applies or removes.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let record = runs::resolve(ctx, &opened, &args.run)?;
    let left = keeping::left_by(ctx, &opened, &record)?;
    let changes = args.to.is_some() || args.apply || args.delete;
    match &left.place {
        Where::Elsewhere(host) => {
            return Err(CommandError::not_found(format!(
                "what run {} wrote is on another computer, {host}",
                record.run_id
            ))
            .hint(format!("there: {{azml}} run files -r {}", record.run_id)));
        }
        Where::Expired if changes => {
            return Err(CommandError::not_found(format!(
                "what run {} wrote is not kept any more",
                record.run_id
            ))
            .hint("how long files are kept: {azml} config show"));
        }
        Where::RunFolder(_) if args.delete => {
            return Err(CommandError::failed(format!("run {} still uses its files", record.run_id))
                .hint(format!("to end it: {{azml}} experiment cancel -r {}", record.run_id)));
        }
        _ => {}
    }
    let items = select(&left.items, &args.patterns)?;
    if let Some(folder) = &args.to {
        copy_out(ctx, &record, &items, &ctx.env.cwd.join(folder), args.force)
    } else if args.apply {
        apply(ctx, &opened, &record, &items, args.force)
    } else if args.delete {
        delete(ctx, &record, left, &items)
    } else {
        Ok(list(ctx, &record, &left, &items))
    }
}

/// Those that a pattern stands for; all if there is none. A pattern that stands for nothing is an error.
fn select(items: &[Item], patterns: &[OsString]) -> Result<Vec<Item>, CommandError> {
    if patterns.is_empty() {
        return Ok(items.to_vec());
    }
    let mut chosen = vec![false; items.len()];
    for given in patterns {
        let name = unquoted(given.as_bytes());
        let pattern = PathPattern::parse(&name).map_err(|error| {
            CommandError::usage(error).hint(format!("`{}` is not relative to the project", quoted(&name)))
        })?;
        let literal = name.trim_end_with(|c| c == '/');
        let is_literal = |path: &[u8]| {
            path.strip_prefix(literal).is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
        };
        let mut any = false;
        for (item, chosen) in items.iter().zip(&mut chosen) {
            // Also by its name as it is, which a pattern's characters may stand in.
            let path = item.path.as_bstr();
            if pattern.has(path) || is_literal(path) {
                (*chosen, any) = (true, true);
            }
        }
        if !any {
            return Err(CommandError::not_found(format!("no file of the run is `{}`", quoted(&name)))
                .hint("without a pattern all are listed"));
        }
    }
    Ok(items.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(item, _)| item.clone()).collect())
}

fn list(ctx: &Context, record: &RunRecord, left: &Left, items: &[Item]) -> Output {
    let until = left.until.map(format::moment);
    let total = kept::Summary::of(items);
    match &left.place {
        Where::Expired => {
            ctx.notices.status(&format!("What run {} wrote is not kept any more", record.run_id));
        }
        _ if items.is_empty() => {
            ctx.notices.status(&format!("Run {} wrote nothing beside its outputs", record.run_id));
        }
        Where::Kept(kept) => ctx.notices.status(&format!(
            "{} in {}{}",
            keeping::counted(total.count(), total.bytes),
            quoted_path(kept.folder()),
            until.as_ref().map_or_else(String::new, |until| format!(", kept until {until}"))
        )),
        Where::RunFolder(folder) => {
            ctx.notices.status(&format!("The run goes on, in {}", quoted_path(folder)));
        }
        Where::Nowhere | Where::Elsewhere(_) => {}
    }
    let mut rows = Vec::new();
    let values = items.iter().map(|item| {
        let path = quoted(&item.path);
        let kind = if item.trouble.is_some() { "not kept" } else { item.kind.as_str() };
        let has_size = item.place.as_ref().is_some_and(|place| place.is_file());
        let mut row = Map::new();
        row.insert("Kind".to_owned(), kind.into());
        row.insert("Size".to_owned(), if has_size { size(item.size).into() } else { Value::Null });
        row.insert("Path".to_owned(), path.clone().into());
        if let Some(trouble) = &item.trouble {
            row.insert("Why".to_owned(), trouble.as_str().into());
        }
        rows.push(row);
        json!({
            "path": path,
            "kind": kind,
            "size": item.size,
            "place": item.place.as_ref().map(|place| quoted_path(place)),
            "until_utc": item.place.as_ref().and(until.as_deref()),
            "why": item.trouble,
        })
    });
    let value = values.collect();
    Output::WithTable { value, rows, numbers: Numbers::AsText }
}

fn copy_out(
    ctx: &Context,
    record: &RunRecord,
    items: &[Item],
    folder: &std::path::Path,
    force: bool,
) -> Result<Output, CommandError> {
    let copied = kept::copy_out(items, folder, force)?;
    let total = kept::Summary::of(items);
    ctx.notices.status(&format!(
        "Copied {copied} of {} of run {} into {}",
        keeping::counted(total.new + total.changed, total.bytes),
        record.run_id,
        quoted_path(folder)
    ));
    Ok(Output::Value(json!({
        "run_id": record.run_id.as_str(),
        "folder": quoted_path(folder),
        "copied": copied,
    })))
}

fn apply(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    items: &[Item],
    force: bool,
) -> Result<Output, CommandError> {
    let tree = record.commit_id().map(|commit| tree_here(opened, commit)).transpose()?.flatten();
    let context = restore::Context { by: ctx.signature(opened.project.root()), force };
    let Applied { plan, done, large } =
        kept::apply(&opened.history, tree, items, &context, &Faults::of(&ctx.env))?;
    ctx.notices.status(&format!("Brought in what run {} wrote; {}", record.run_id, counted(&done)));
    let large: Vec<String> = large.iter().map(|path| quoted(path).into_owned()).collect();
    if !large.is_empty() {
        ctx.notices.warning(&format!("copied, and not taken back by an undo: {}", large.join(", ")));
    }
    Ok(finished(ctx, &plan, &done, &json!({"run_id": record.run_id.as_str(), "copied": large})))
}

fn delete(ctx: &Context, record: &RunRecord, left: Left, items: &[Item]) -> Result<Output, CommandError> {
    let total = kept::Summary::of(items);
    if let Where::Kept(kept) = left.place {
        let folder = kept.folder().to_owned();
        let removed = if items.len() == left.items.len() { kept.remove() } else { kept.remove_items(items) };
        removed.map_err(|error| CommandError::file("remove what is in", &folder, error))?;
    }
    ctx.notices.status(&format!(
        "Removed {} of run {}",
        keeping::counted(total.count(), total.bytes),
        record.run_id
    ));
    Ok(Output::Value(json!({
        "run_id": record.run_id.as_str(),
        "removed": total.count(),
        "bytes": total.bytes,
    })))
}
