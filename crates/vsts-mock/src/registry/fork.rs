//! Forks: a new repository with the branches and tags of another one, which it remembers.

use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;

use git_wire::pktline::Writer;
use git_wire::{AllowAll, Interrupt, Options, ProtocolVersion, Repository, Service};
use lfs_wire::Oid;
use uuid::Uuid;

use super::{RegistryError, RepoInput, pointers};
use crate::default_branch;
use crate::directory::Repo;
use crate::disk_full;
use crate::state::Change;

/// The answer of a server, before the pack, to a client that has nothing.
const NAK: &[u8] = b"0008NAK\n";

impl Change<'_> {
    /// Makes a repository with the branches and tags of `parent`, or with one of its refs alone.
    pub(crate) async fn create_fork(
        &mut self,
        account: &str,
        project: &str,
        name: &str,
        parent: &Repo,
        only: Option<&str>,
    ) -> Result<Uuid, RegistryError> {
        let failed = |source: Cause| RegistryError::Repository { name: parent.name.clone(), source };
        let source = self.open_repo(parent).map_err(|error| failed(error.into()))?;
        let id = self.create_repo(account, project, &RepoInput { name, public: false, import: None }).await?;
        let (path, only, hold) = (self.repo_path(id), only.map(str::to_owned), self.hold());
        let copied = tokio::task::spawn_blocking(move || {
            let _hold = hold;
            copy(&source, &path, only.as_deref())?;
            // Its refs may reach less than its parent's.
            let reached = pointers::reached(&Repository::open(&path)?, &Interrupt::default())?;
            Ok(reached.into_iter().collect::<Vec<Oid>>())
        });
        let large_files = copied.await.expect("copying does not panic").map_err(failed)?;
        self.share_lfs_objects(parent.id, id, &large_files).await?;
        let repo = self.directory.repos.get(&id).cloned().expect("it has just been made");
        self.put(Repo { parent: Some(parent.id), ..repo });
        Ok(id)
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Copies branches and tags with what they reach, as a clone and a push would.
fn copy(from: &Repository, to: &Path, only: Option<&str>) -> Result<(), Cause> {
    let (mut wants, mut commands, mut default) = (Writer::new(Vec::new()), Writer::new(Vec::new()), None);
    let mut is_empty = true;
    {
        let source = from.read();
        let head = source.head_name()?.map(|name| name.as_bstr().to_string());
        for reference in source.references()?.all()?.flatten() {
            let Ok(name) = std::str::from_utf8(reference.name().as_bstr()) else { continue };
            let is_copied = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
            let Some(id) = reference.try_id().filter(|_| is_copied && only.is_none_or(|only| only == name))
            else {
                continue;
            };
            let id = id.detach();
            let (of_fetch, of_push) =
                if std::mem::take(&mut is_empty) { (" ofs-delta", "\0report-status") } else { ("", "") };
            wants.text(format!("want {id}{of_fetch}"))?;
            commands.data(format!("{:040} {id} {name}{of_push}", 0).as_bytes())?;
            if name.starts_with("refs/heads/") && (head.as_deref() == Some(name) || only.is_some()) {
                default = Some(name.to_owned());
            }
        }
    }
    if is_empty {
        return Ok(());
    }
    wants.flush_line()?;
    wants.text("done")?;
    commands.flush_line()?;
    let (wants, commands) = (wants.into_inner(), commands.into_inner());
    let options = Options::default();
    let mut pack = tempfile::tempfile()?;
    let respond = |service,
                   repository: &Repository,
                   request: &mut dyn std::io::BufRead,
                   answer: &mut dyn std::io::Write| {
        git_wire::Server { repository, policy: &AllowAll, options: &options }.respond(
            service,
            ProtocolVersion::V0,
            request,
            answer,
        )
    };
    respond(Service::UploadPack, from, &mut wants.as_slice(), &mut pack)?;
    pack.rewind()?;
    let mut answer = [0; NAK.len()];
    pack.read_exact(&mut answer)?;
    if answer != NAK {
        return Err("the answer to its clone is not understood".into());
    }
    let target = Repository::open(to)?;
    let mut request = BufReader::new(commands.as_slice().chain(pack));
    let summary = respond(Service::ReceivePack, &target, &mut request, &mut Vec::new())?;
    if summary.refused.iter().any(|(_, why)| why.is_disk_full()) {
        return Err(disk_full::error().into());
    }
    if let Some((name, reason)) = summary.refused.first() {
        return Err(format!("{name}: {reason}").into());
    }
    match default {
        Some(branch) => Ok(std::fs::write(to.join("HEAD"), format!("ref: {branch}\n"))?),
        None => default_branch::take_any(&target.to_gix()),
    }
}
