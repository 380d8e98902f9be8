//! The first commit of a repository that is made with files in it.

use gix::objs::Kind;

use super::context::RepoContext;
use super::new_objects::NewObjects;
use super::push::{Command, push_one};
use super::refused::Refused;
use super::signature::Person;
use super::tree_edit::{Folder, Node};
use crate::state::DEFAULT_BRANCH;

/// Commits files to the branch that `HEAD` names, as if they had been pushed. Blocks.
pub(crate) fn commit(ctx: &RepoContext, files: &[(&str, Vec<u8>)]) -> Result<(), Refused> {
    let repository = ctx.open()?;
    let branch = repository
        .head_name()?
        .map_or_else(|| format!("refs/heads/{DEFAULT_BRANCH}"), |name| name.as_bstr().to_string());
    let mut objects = NewObjects::new(&repository);
    let mut root = Folder::default();
    for (name, data) in files {
        let id = objects.add(Kind::Blob, data)?;
        let put = root.put(&objects, &[(*name).to_owned()], Node::file(id));
        put.map_err(|refused| refused.unwrap_or_else(|| Refused::invalid("Two files have one name.")))?;
    }
    let tree = root.write(&mut objects)?;
    let author = Person::default().signature(ctx)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let message = format!("Added {}\n", names.join(", "));
    let data = format!("tree {tree}\nauthor {author}\ncommitter {author}\n\n{message}");
    let id = objects.add(Kind::Commit, data.as_bytes())?;
    let command = Command { name: branch, old: None, new: Some(id) };
    push_one(ctx, &command, &objects.finish()?)
}
