//! The first commit of a repository that is made with files in it.

use gix::objs::Kind;

use super::super::failure::Failure;
use super::folder::{Folder, Node};
use super::pack::NewObjects;
use super::place::Place;
use super::pushes::by;
use super::receive::{Command, receive};
use super::refusal;

/// Commits files to the branch that `HEAD` names, as if they had been pushed.
pub(super) fn commit(place: &Place, files: &[(&str, Vec<u8>)]) -> Result<(), Failure> {
    let repository = place.open()?;
    let branch = repository.head_name()?.map_or_else(
        || format!("refs/heads/{}", crate::registry::DEFAULT_BRANCH),
        |name| name.as_bstr().to_string(),
    );
    let mut objects = NewObjects::new(&repository);
    let mut root = Folder::default();
    for (name, data) in files {
        let id = objects.add(Kind::Blob, data)?;
        let put = root.put(&objects, &[(*name).to_owned()], Node::file(id));
        put.map_err(|failure| failure.unwrap_or_else(|| Failure::bad("Two files have one name.")))?;
    }
    let tree = root.write(&mut objects)?;
    let author = by(place, &serde_json::Value::Null)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let message = format!("Added {}\n", names.join(", "));
    let data = format!("tree {tree}\nauthor {author}\ncommitter {author}\n\n{message}");
    let id = objects.add(Kind::Commit, data.as_bytes())?;
    let command = Command { name: branch, old: None, new: Some(id) };
    let received = receive(place, std::slice::from_ref(&command), &objects.finish()?)?;
    match received.refusal(&command.name) {
        None => Ok(()),
        Some(reason) => Err(refusal::failure(&command.name, reason)),
    }
}
