//! Links of a snapshot that would lead elsewhere from the run's folder than they do from the project folder.
//!
//! A relative link that leaves the project is made absolute, so that it reaches the same target. A link that comes back
//! into the project by its path (`/home/me/iris/src/a.py`, `../iris/src/a.py`) is made relative if it leads to what the
//! snapshot has: the run reads the snapshot's file. All others stay as they are. The snapshot itself keeps every link
//! as it was.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use azml_core::dir::{Dir, Opened, split};
use gix::bstr::{BStr, ByteSlice as _};

use super::recycled::Folder;

/// Adjusts the links in the run folder `work`, which has the files of `top`; says whether there were any to adjust.
///
/// An adjusted link's entry in `top` gets the id of the text that the link has now.
pub(super) fn adjust(repo: &gix::Repository, top: &mut Folder, work: &Path, root: &Path) -> io::Result<bool> {
    let real_root = root.canonicalize()?;
    let place = Place { roots: [&real_root, root], has: &|_| false };
    let mut folders = Opened::below(Arc::new(Dir::open(work)?));
    let mut leading = Vec::new();
    top.links(BStr::new(b""), &mut |path, entry| leading.push((path.to_owned(), entry.id)));
    let mut has_adjusted = false;
    for (path, id) in leading {
        let text = repo.find_blob(id).map_err(io::Error::other)?.take_data();
        let place = Place { has: &|rest| has(top, rest), ..place };
        let Some(text) = place.adjusted(path.as_bstr(), &text) else { continue };
        let text = text.as_os_str().as_bytes();
        let (above, name) = split(path.as_bstr());
        let folder = folders.at(above)?;
        if folder.read_link(name).ok().is_none_or(|now| now != text) {
            folder.remove_file(name)?;
            folder.new_link(text.as_bstr(), name)?;
        }
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, text);
        top.set_id(path.as_bstr(), id.map_err(io::Error::other)?);
        has_adjusted = true;
    }
    Ok(has_adjusted)
}

/// Returns whether a snapshot has something at a path, or a link on the way to it.
fn has(top: &Folder, path: &Path) -> bool {
    let mut folder = top;
    for part in path {
        if folder.has_file(part.as_bytes()) {
            return true;
        }
        match folder.folder(part.as_bytes()) {
            Some(below) => folder = below,
            None => return false,
        }
    }
    true
}

/// The project folder, and what the snapshot has of it.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// Its real path, and the one that it was opened by.
    roots: [&'p Path; 2],
    has: &'p dyn Fn(&Path) -> bool,
}

impl Place<'_> {
    /// The text that the link at `at` must have in the run's folder, if another than `text`.
    fn adjusted(&self, at: &BStr, text: &[u8]) -> Option<PathBuf> {
        let target = PathBuf::from(OsString::from_vec(text.to_vec()));
        let folder = Path::new(OsStr::from_bytes(at)).parent().unwrap_or(Path::new(""));
        if target.is_absolute() {
            return self.in_snapshot(folder, &target);
        }
        let depth = folder.components().count();
        if !leaves(depth, &target) {
            return None;
        }
        let mut parts = target.components().filter(|part| *part != Component::CurDir).peekable();
        let mut up = 0;
        while parts.next_if_eq(&Component::ParentDir).is_some() {
            up += 1;
        }
        if up <= depth {
            return Some(self.roots[0].join(folder).join(target));
        }
        let mut outside = self.roots[0].to_owned();
        for _ in depth..up {
            outside.pop();
        }
        outside.extend(parts);
        self.in_snapshot(folder, &outside).or(Some(outside))
    }

    /// The relative path from `folder` to an absolute path in the project folder at which the snapshot has something.
    fn in_snapshot(&self, folder: &Path, target: &Path) -> Option<PathBuf> {
        let inside = self.roots.iter().find_map(|root| target.strip_prefix(root).ok())?;
        let is_plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || !(self.has)(inside) {
            return None;
        }
        let mut relative: PathBuf = folder.components().map(|_| Component::ParentDir).collect();
        relative.push(inside);
        Some(if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative })
    }
}

/// Returns whether a relative path that begins so many folders deep goes above the top on its way.
fn leaves(depth: usize, target: &Path) -> bool {
    let mut depth = Some(depth);
    for part in target.components() {
        depth = match (part, depth) {
            (Component::ParentDir, Some(depth)) => depth.checked_sub(1),
            (Component::Normal(_), Some(depth)) => Some(depth + 1),
            (_, depth) => depth,
        };
        if depth.is_none() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_reach_from_the_runs_folder_what_they_reach_from_the_project() {
        let has = |path: &Path| {
            ["", "src", "src/a.py", "deep", "deep/er"].iter().any(|known| path == Path::new(known))
        };
        let place = Place { roots: [Path::new("/disk/code/iris"), Path::new("/home/me/iris")], has: &has };
        let stays = "stays";
        for (at, text, expect) in [
            // Inside, by whatever way.
            ("a", "src/a.py", stays),
            ("deep/er/a", "../../src/a.py", stays),
            ("deep/a", "./../src/../src/a.py", stays),
            ("a", "gone", stays),
            ("a", ".", stays),
            // Outside.
            ("data", "../../shared", "/disk/shared"),
            ("data", "./../../shared/x", "/disk/shared/x"),
            ("deep/er/data", "../../../shared", "/disk/code/shared"),
            ("data", "..", "/disk/code"),
            ("data", "../../../../../shared", "/shared"),
            ("data", "src/../../shared", "/disk/code/iris/src/../../shared"),
            ("data", "../x/../../shared", "/disk/code/x/../../shared"),
            ("data", "/mnt/data", stays),
            ("data", "/disk/code/iris2/src", stays),
            // Back into the project.
            ("a", "/disk/code/iris/src/a.py", "src/a.py"),
            ("deep/er/a", "/home/me/iris/src/a.py", "../../src/a.py"),
            ("deep/a", "../../iris/src", "../src"),
            ("a", "/disk/code/iris", "."),
            ("deep/a", "/disk/code/iris", ".."),
            // What the snapshot does not have there, the project may have.
            ("a", "/disk/code/iris/outputs/model", stays),
            ("a", "../iris/outputs/model", "/disk/code/iris/outputs/model"),
            ("a", "/disk/code/iris/../shared", stays),
        ] {
            let expect = if expect == stays { None } else { Some(PathBuf::from(expect)) };
            assert_eq!(place.adjusted(at.into(), text.as_bytes()), expect, "{at} -> {text}");
        }
    }

    #[test]
    fn no_link_is_changed_through_a_folder_that_became_a_link() {
        use azml_core::checkout::listing::{Entry, Listing};
        use gix::objs::tree::EntryKind;

        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let repo = gix::init_bare(at("repo")).unwrap();
        for folder in ["project", "work/real", "outside"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        let id = repo.write_blob("../../shared").unwrap().detach();
        let listing: Listing = ["real/data", "swapped/data"]
            .map(|path| (path.into(), Entry { kind: EntryKind::Link, id, is_large: false }))
            .into();
        for place in ["work/real/data", "outside/data"] {
            std::os::unix::fs::symlink("../../shared", at(place)).unwrap();
        }
        let adjust = || adjust(&repo, &mut Folder::of(&listing), &at("work"), &at("project"));
        std::fs::create_dir(at("work/swapped")).unwrap();
        std::os::unix::fs::symlink("../../shared", at("work/swapped/data")).unwrap();
        assert!(adjust().unwrap());
        let outside = at("project").canonicalize().unwrap().with_file_name("shared");
        assert_eq!(std::fs::read_link(at("work/swapped/data")).unwrap(), outside);
        std::fs::remove_dir_all(at("work/swapped")).unwrap();
        std::os::unix::fs::symlink(at("outside"), at("work/swapped")).unwrap();
        assert!(adjust().is_err());
        assert_eq!(std::fs::read_link(at("outside/data")).unwrap(), Path::new("../../shared"));
    }
}
