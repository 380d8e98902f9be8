//! Removing from a node what no run there needs any more, the oldest first.
//!
//! A job that is here is a run that goes on, or one whose results nobody has taken in: its folder, its project's store with all
//! large files, and the azml that it was given to stay, whatever their age.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use azml_core::id::{ProjectId, RunId};

use super::job::Job;
use super::{Base, large};
use crate::context::Context;
use crate::engine::package;
use crate::engine::prune::{Kind, Piece, PruneRequest, Pruned};
use crate::error::CommandError;
use crate::limits;
use crate::run::environment;
use crate::run::{kept, live, remove_folder};

/// Removes, or only names, what is not needed.
pub fn prune(ctx: &Context, request: &[u8]) -> Result<Pruned, CommandError> {
    let request: PruneRequest = serde_json::from_slice(request).map_err(CommandError::usage)?;
    let mut pruning = Pruning::of(Base::of(ctx)?, request, ctx.env.now().into());
    pruning.programs()?;
    pruning.environments();
    pruning.left_by_runs()?;
    pruning.stores()?;
    Ok(pruning.done)
}

struct Pruning {
    base: Base,
    request: PruneRequest,
    now: SystemTime,
    /// The runs that have a job here.
    runs: BTreeSet<RunId>,
    /// Their projects; `None` if one of them is not known.
    projects: Option<BTreeSet<ProjectId>>,
    /// The programs that they were given to; `None` if one of them is not known.
    programs: Option<BTreeSet<String>>,
    done: Pruned,
}

impl Pruning {
    fn of(base: Base, request: PruneRequest, now: SystemTime) -> Self {
        let jobs = Job::all(&base.0);
        let projects = jobs.iter().map(|job| Some(job.spec().ok()?.project.id)).collect();
        let programs = jobs.iter().map(Job::program).collect();
        let runs = jobs.iter().map(|job| job.run().clone()).collect();
        let bytes = jobs.iter().map(|job| bytes_in(job.folder())).sum();
        let done = Pruned { removed: Vec::new(), jobs: jobs.len(), job_bytes: bytes };
        Self { base, request, now, runs, projects, programs, done }
    }

    /// Notes a piece; returns whether it is to be removed.
    fn takes(&mut self, kind: Kind, name: &str, bytes: u64) -> bool {
        self.done.removed.push(Piece { kind, name: name.to_owned(), bytes });
        !self.request.dry_run
    }

    /// Removes a folder.
    fn remove(&mut self, kind: Kind, name: &str, folder: &Path) -> Result<(), CommandError> {
        if self.takes(kind, name, bytes_in(folder)) {
            remove_folder(folder).map_err(|error| CommandError::file("remove", folder, error))?;
        }
        Ok(())
    }

    /// Programs of azml that are neither this one nor a job's.
    fn programs(&mut self) -> Result<(), CommandError> {
        let Some(needed) = self.programs.clone() else { return Ok(()) };
        let own = std::env::current_exe().map_err(CommandError::failed)?;
        for (_, path) in newest_first(&self.base.0.join("bin")) {
            let name = name_of(&path);
            if path == own || needed.contains(&name) || !name.starts_with("azml-") {
                continue;
            }
            let bytes = path.symlink_metadata().map_or(0, |found| found.len());
            if self.takes(Kind::Program, &name, bytes) {
                fs::remove_file(&path).map_err(|error| CommandError::file("remove", &path, error))?;
            }
        }
        Ok(())
    }

    fn environments(&mut self) {
        let folder = self.base.environments();
        let keep = self.request.keep;
        environment::prune(&folder, keep, &mut |name, folders| {
            let bytes = folders.iter().map(|folder| bytes_in(folder)).sum();
            self.takes(Kind::Environment, name, bytes)
        });
    }

    /// The files that ended runs left: files beside their outputs, outputs that were not to travel, packages.
    fn left_by_runs(&mut self) -> Result<(), CommandError> {
        let mut left: Vec<(SystemTime, RunId, PathBuf)> = Vec::new();
        for project in self.projects_here() {
            left.extend(of_runs(&self.outputs_of(project)?));
            left.extend(of_runs(&kept::folder_of(&live::project_dir(&self.base.state(), &project))));
        }
        let packages = of_runs(&self.base.0.join("packages"));
        left.extend(packages.into_iter().filter(|(_, run, folder)| !Job::at(folder, run).state().goes_on));
        left.retain(|(_, run, _)| !self.runs.contains(run));
        left.sort();
        // What one run left counts once.
        let mut kept = BTreeSet::new();
        for (_, run, _) in left.iter().rev() {
            if kept.len() < self.request.keep {
                kept.insert(run.clone());
            }
        }
        for (_, run, folder) in left {
            if !kept.contains(&run) {
                self.remove(Kind::RunFiles, run.as_str(), &folder)?;
            }
        }
        Ok(())
    }

    /// Stores of projects that were not used of late, and in the others large files that no snapshot needs that a later run could start
    /// from.
    fn stores(&mut self) -> Result<(), CommandError> {
        let Some(needed) = self.projects.clone() else { return Ok(()) };
        let mut stores: Vec<_> = self
            .projects_here()
            .into_iter()
            .map(|project| (last_used(&self.store_path(&project)), project))
            .collect();
        stores.sort();
        stores.reverse();
        for (at, (used, project)) in stores.into_iter().enumerate() {
            let store = self.store_path(&project);
            let is_resting = self.now.duration_since(used).is_ok_and(|rest| rest >= limits::NODE_STORE_REST);
            if needed.contains(&project) || !is_resting {
                continue;
            }
            let has_files = !of_runs(&self.outputs_of(project)?).is_empty();
            if at >= self.request.keep && !has_files {
                self.remove(Kind::Store, &project.to_string(), &store)?;
                continue;
            }
            self.large_files(project)?;
        }
        Ok(())
    }

    fn large_files(&mut self, project: ProjectId) -> Result<(), CommandError> {
        let store = self.base.store(project)?;
        let files = store.large_files();
        let here = files.all().map_err(|error| CommandError::file("list", files.folder(), error))?;
        let needed = large::needed(&store)?;
        let surplus: Vec<_> = here.into_iter().filter(|pointer| !needed.contains(&pointer.oid)).collect();
        let mut removed = Vec::new();
        for pointer in surplus {
            if self.takes(Kind::LargeFile, &pointer.oid.to_string(), pointer.size) {
                removed.push(pointer);
            }
        }
        large::remove(&store, &removed).map(drop)
    }

    /// The folder of outputs of a project's runs that did not travel.
    fn outputs_of(&self, project: ProjectId) -> Result<PathBuf, CommandError> {
        Ok(self.base.store(project)?.own_folder().join("runs"))
    }

    /// The projects that have a store here.
    fn projects_here(&self) -> Vec<ProjectId> {
        let found = newest_first(&self.base.0.join("store"));
        let id = |(_, path): (SystemTime, PathBuf)| name_of(&path).strip_suffix(".git")?.parse().ok();
        found.into_iter().filter_map(id).collect()
    }

    fn store_path(&self, project: &ProjectId) -> PathBuf {
        self.base.0.join("store").join(format!("{project}.git"))
    }
}

/// The folders of runs in a folder, with the time of their last change.
fn of_runs(folder: &Path) -> Vec<(SystemTime, RunId, PathBuf)> {
    let found = newest_first(folder).into_iter();
    found.filter_map(|(time, path)| Some((time, RunId::parse(&name_of(&path)).ok()?, path))).collect()
}

/// The entries of a folder, the newest first; nothing if the folder is not there.
fn newest_first(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| (changed(&entry.path()), entry.path())).collect();
    found.sort();
    found.reverse();
    found
}

/// When a store was last written to.
fn last_used(store: &Path) -> SystemTime {
    let places = [store.to_owned(), store.join("azml"), store.join("objects"), store.join("objects/pack")];
    places.iter().map(|place| changed(place)).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

fn changed(path: &Path) -> SystemTime {
    path.symlink_metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The bytes of the files in a folder. One that goes meanwhile has none.
fn bytes_in(folder: &Path) -> u64 {
    let files = package::list(folder).map(|(files, _)| files).unwrap_or_default();
    files.iter().filter_map(|file| Some(folder.join(file).symlink_metadata().ok()?.len())).sum()
}
