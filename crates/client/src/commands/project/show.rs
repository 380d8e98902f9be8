//! `azml project show`.

use std::collections::HashSet;
use std::path::PathBuf;

use azml_core::quote::quoted_path;
use azml_core::restore;
use azml_core::run::{RunStore, format};
use azml_core::user_repo::UserRepo;
use gix::ObjectId;
use serde_json::{Map, json};

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::run::{keeping, live};
use crate::text::size;
use crate::ui::{Numbers, Output};

/// Show the project: where it is, what it is linked to, what it holds, what is owed to the remote
///
/// Also how much is kept of what runs wrote beside their outputs, and until when: see `azml run files`.
///
/// Example: `azml project show --query owed`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Shows it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    describe(ctx, &opened)
}

/// What there is to say of a project; needs no network.
pub fn describe(ctx: &Context, opened: &Opened) -> Result<Output, CommandError> {
    let Opened { project, history } = opened;
    let user = UserRepo::open(project.root())?;
    let head = user.as_ref().map(UserRepo::head).transpose()?.flatten();
    let remote = history.remote_url()?.map(|url| url.without_secret().to_string());
    let tip = history.tip()?;
    let runs = RunStore::new(history).count()?;
    let disk = history.disk_use()?;
    let owed = if remote.is_some() { history.owed()? } else { Vec::new() };
    let running: Vec<String> =
        live::find(&live::runs_dir(&ctx.env.state_dir_for(project.root()), project.id()))
            .map_err(|error| CommandError::file("look at", &ctx.env.state_dir_for(project.root()), error))?
            .iter()
            .map(|run| run.record.run_id.to_string())
            .collect();
    let kept = keeping::totals(ctx, project.root(), project.id())?;
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
        "last_snapshot": tip.map(|tip| tip.to_string()),
        "snapshots": tip.map_or(Ok(0), |tip| count(history.git(), tip))?,
        "is_shallow": history.is_shallow(),
        "runs": runs,
        "running": running,
        "owed": owed.iter().map(|owed| owed.name.to_string()).collect::<Vec<_>>(),
        "last_push_error": history.push_error(),
        "backups": restore::backups(history)?.len(),
        "held_back": history.held_back()?.lines().iter().map(ToString::to_string).collect::<Vec<_>>(),
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
    let state = match (&remote, owed.is_empty()) {
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

/// How many snapshots are here: all commits of the history branch that are not joins.
fn count(repo: &gix::Repository, tip: ObjectId) -> Result<usize, CommandError> {
    let mut seen = HashSet::from([tip]);
    let mut next = vec![tip];
    let mut count = 0;
    while let Some(id) = next.pop() {
        // A roamed project has the newest snapshots only.
        let Some(object) = repo.try_find_object(id).map_err(CommandError::failed)? else { continue };
        let commit = object.try_into_commit().map_err(CommandError::failed)?;
        let parents: Vec<ObjectId> = commit.parent_ids().map(gix::Id::detach).collect();
        count += usize::from(parents.len() < 2);
        next.extend(parents.into_iter().filter(|parent| seen.insert(*parent)));
    }
    Ok(count)
}
