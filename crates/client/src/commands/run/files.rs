//! `azml run files`.

use std::ffi::OsString;
use std::path::PathBuf;

use azml_core::quote::{quoted, quoted_path};
use azml_core::run::{RunRecord, format};
use serde_json::{Map, Value, json};

use crate::commands::args::{ProjectArgs, RunArg};
use crate::commands::restore::finished;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::kept_files::{self, Wanted};
use crate::ops::restore::counted;
use crate::run::keeping::{self, Left, Where};
use crate::run::kept::{self, Applied, Item};
use crate::text::size;
use crate::ui::{Numbers, Output};

/// List the files that a run wrote beside its outputs, and bring them back
///
/// A run has a folder of its own. azml keeps the files that the script created or changed there outside `outputs/`,
/// `logs/` and the outputs that the run configuration declares, and the names of those that it deleted. They are kept
/// on this computer. The first submit after `keep_days` days removes them.
///
/// Example: `azml run files -r iris_1504832281116 ckpt/ '*.csv' --to /tmp/back`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
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
    #[command(flatten)]
    project: ProjectArgs,
    /// Only these files or folders, or files like `*.csv` and `**/*.pt`
    #[arg(value_name = "PATTERN")]
    patterns: Vec<OsString>,
}

/// Lists, copies, applies or removes.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let record = args.run.resolve(ctx, &opened)?;
    let wanted = match args {
        Args { delete: true, .. } => Wanted::Remove,
        Args { to: Some(_), .. } | Args { apply: true, .. } => Wanted::Copy,
        _ => Wanted::List,
    };
    let left = kept_files::find(ctx, &opened, &record, wanted)?;
    let items = kept_files::select(&left.items, &args.patterns)?;
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
    let Applied { plan, done, large } = kept_files::apply(ctx, opened, record, items, force)?;
    ctx.notices.status(&format!("Brought in what run {} wrote; {}", record.run_id, counted(&done)));
    let large: Vec<String> = large.iter().map(|path| quoted(path).into_owned()).collect();
    if !large.is_empty() {
        ctx.notices.warning(&format!("copied, and not taken back by an undo: {}", large.join(", ")));
    }
    Ok(finished(ctx, &plan, &done, &json!({"run_id": record.run_id.as_str(), "copied": large})))
}

fn delete(ctx: &Context, record: &RunRecord, left: Left, items: &[Item]) -> Result<Output, CommandError> {
    let total = kept::Summary::of(items);
    kept_files::remove(left, items)?;
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
