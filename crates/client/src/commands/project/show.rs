//! `azml project show`.

use azml_core::large::Pointer;
use azml_core::quote::quoted_path;
use azml_core::run::format;
use serde_json::{Map, json};

use crate::commands::args::ProjectArgs;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::describe::{Description, describe};
use crate::run::keeping;
use crate::text::size;
use crate::ui::{Numbers, Output};

/// Show the project: its folder, its remote, its contents, and what the remote still lacks
///
/// Shows also the size of the files that azml keeps of runs, and when it removes them: see `azml run files`.
///
/// Example: `azml project show --query owed`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    project: ProjectArgs,
}

/// Shows it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    output(ctx, &args.project.open(ctx)?)
}

/// The description of a project, as each command that makes or changes one prints it.
pub(super) fn output(ctx: &Context, opened: &Opened) -> Result<Output, CommandError> {
    let Opened { project, history } = opened;
    let described = describe(ctx, opened)?;
    let Description {
        head,
        remote,
        newest,
        snapshots,
        runs,
        running,
        unpushed,
        large,
        large_unpushed,
        backups,
        held_back,
        kept,
        disk,
    } = &described;
    let scope = project.scope();
    let value = json!({
        "id": project.id().to_string(),
        "name": project.name(),
        "path": quoted_path(project.root()),
        "scope": scope.as_str(),
        "account": scope.account(),
        "workspace": scope.workspace(),
        "remote": remote,
        "branch": head.as_ref().and_then(|head| head.branch.clone()),
        "head": head.as_ref().map(|head| head.commit.to_string()),
        "history_branch": history.history_ref().shorten().to_string(),
        "last_snapshot": newest.map(|newest| newest.to_string()),
        "snapshots": snapshots,
        "is_shallow": history.is_shallow(),
        "runs": runs,
        "running": running,
        "owed": unpushed,
        "large_files": {
            "here": counted(large),
            "unpushed": counted(large_unpushed),
            "last_error": history.large_error(),
        },
        "last_push_error": history.push_error(),
        "backups": backups,
        "held_back": held_back.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "kept_files": {
            "runs": kept.runs,
            "files": kept.files,
            "bytes": kept.bytes,
            "next_expiry_utc": kept.next.map(format::moment),
            "folder": kept.folder.display().to_string(),
        },
        "disk_use": {"bytes": disk.bytes, "packs": disk.packs, "loose_objects": disk.loose_objects},
    });
    let mut row = Map::new();
    for (header, key) in [
        ("Name", "name"),
        ("Path", "path"),
        ("Remote", "remote"),
        ("Branch", "branch"),
        ("Snapshots", "snapshots"),
        ("Runs", "runs"),
    ] {
        row.insert(header.to_owned(), value[key].clone());
    }
    let state = match (remote, unpushed.is_empty() && large_unpushed.is_empty()) {
        (None, _) => "not linked",
        (Some(_), true) => "in sync",
        (Some(_), false) => "owed",
    };
    row.insert("Remote state".to_owned(), state.into());
    row.insert("Disk use".to_owned(), size(disk.bytes).into());
    if kept.runs > 0 {
        let until = kept
            .next
            .map_or_else(String::new, |next| format!(", the first until {}", next.strftime("%Y-%m-%d")));
        row.insert(
            "Kept files".to_owned(),
            format!("{}{until}", keeping::counted(kept.files, kept.bytes)).into(),
        );
    }
    Ok(Output::WithTable { value, rows: vec![row], numbers: Numbers::AsText })
}

/// The number of files and of their bytes.
pub(super) fn counted(files: &[Pointer]) -> serde_json::Value {
    json!({"files": files.len(), "bytes": files.iter().map(|pointer| pointer.size).sum::<u64>()})
}
