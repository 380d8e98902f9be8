//! Random histories in which trees, files and modes return, move and are merged under clocks that go wrong.

use std::collections::{BTreeMap, HashMap, HashSet};

use git_wire::pack::{CountOptions, Filter};
use gix::ObjectId;
use gix::bstr::BString;
use gix::objs::tree::{Entry, EntryKind};
use gix::objs::{Commit, Kind, Tag, Tree};
use proptest::collection::vec;
use proptest::prelude::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Sizes of file contents; filters cut between them.
const SIZES: [usize; 8] = [0, 1, 5, 6, 30, 99, 100, 3_000];
const KINDS: [EntryKind; 4] =
    [EntryKind::Blob, EntryKind::BlobExecutable, EntryKind::Link, EntryKind::Commit];

/// The plan of a history. Numbers stand for commits, counted back from the newest, and for paths.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    tags: Vec<Pick>,
}

#[derive(Debug, Clone)]
struct Step {
    parents: Vec<u8>,
    /// Begin with the tree of another commit than the first parent.
    returns_to: Option<u8>,
    edits: Vec<Edit>,
    /// By how much the clock is wrong.
    skew: i32,
}

#[derive(Debug, Clone)]
enum Edit {
    Put { path: u8, kind: u8, content: u8 },
    Remove { path: u8 },
    Move { from: u8, to: u8 },
    Copy { from: u8, to: u8 },
    TakeBack { commit: u8, from: u8, to: u8 },
}

/// An object of a history.
#[derive(Debug, Clone)]
pub(super) enum Pick {
    Commit(u8),
    Tag(u8),
    /// The entry at a path in a commit, or the commit's tree if there is none.
    At(u8, u8),
}

/// A receiver's request.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) wants: Vec<Pick>,
    pub(super) haves: Vec<Pick>,
    pub(super) receiver_shallow: Vec<u8>,
    pub(super) boundary: Vec<u8>,
    pub(super) include_tags: bool,
    pub(super) filter: Sieve,
}

/// A filter that can be looked into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sieve {
    blobs_from: Option<u64>,
    depth: Option<u64>,
    only: Option<Kind>,
}

impl Sieve {
    fn to_filter(self) -> Filter {
        let mut filter = Filter::default();
        filter = self.blobs_from.map_or(filter, |size| filter.and(Filter::blobs_from(size)));
        filter = self.depth.map_or(filter, |depth| filter.and(Filter::depth(depth)));
        self.only.map_or(filter, |kind| filter.and(Filter::only(kind)))
    }

    /// The specification that Git understands, if one filter is all there is: combined, Git leaves out more.
    pub(super) fn spec(self) -> Option<String> {
        match (self.blobs_from, self.depth, self.only) {
            (Some(size), None, None) => Some(format!("blob:limit={size}")),
            (None, Some(depth), None) => Some(format!("tree:{depth}")),
            (None, None, Some(kind)) => Some(format!("object:type={kind}")),
            _ => None,
        }
    }

    /// Returns whether commits get through that aren't asked for by name.
    pub(super) fn shows_commits(self) -> bool {
        self.lets(Kind::Commit, 0, 0)
    }

    pub(super) fn lets(self, kind: Kind, size: u64, depth: u64) -> bool {
        self.only.is_none_or(|only| only == kind)
            && match kind {
                Kind::Tree => self.depth.is_none_or(|limit| depth < limit),
                Kind::Blob => {
                    self.depth.is_none_or(|limit| depth < limit)
                        && self.blobs_from.is_none_or(|limit| size < limit)
                }
                Kind::Commit | Kind::Tag => true,
            }
    }
}

/// Mostly one of the newest.
fn commit() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0), 4 => 0_u8..5, 2 => any::<u8>()]
}

pub(super) fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        8 => commit().prop_map(Pick::Commit),
        1 => any::<u8>().prop_map(Pick::Tag),
        1 => (commit(), any::<u8>()).prop_map(|(commit, path)| Pick::At(commit, path)),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        6 => (any::<u8>(), prop_oneof![6 => Just(0_u8), 3 => 1_u8..4], 0_u8..8)
            .prop_map(|(path, kind, content)| Edit::Put { path, kind, content }),
        2 => any::<u8>().prop_map(|path| Edit::Remove { path }),
        2 => any::<(u8, u8)>().prop_map(|(from, to)| Edit::Move { from, to }),
        2 => any::<(u8, u8)>().prop_map(|(from, to)| Edit::Copy { from, to }),
        3 => (commit(), any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(commit, from, to, is_same)| {
            Edit::TakeBack { commit, from, to: if is_same { from } else { to } }
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let parents =
        prop_oneof![9 => vec(commit(), 1), 3 => vec(commit(), 2), 1 => vec(commit(), 3), 1 => Just(vec![])];
    let returns_to = prop_oneof![3 => Just(None), 1 => commit().prop_map(Some)];
    let skew = prop_oneof![8 => Just(0), 1 => -3_000..3_000, 1 => Just(-1_000_000), 1 => Just(1_000_000)];
    (parents, returns_to, vec(edit(), 0..4), skew).prop_map(|(parents, returns_to, edits, skew)| Step {
        parents,
        returns_to,
        edits,
        skew,
    })
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    (prop_oneof![6 => vec(step(), 1..12), 1 => vec(step(), 12..48)], vec(pick(), 0..4))
        .prop_map(|(steps, tags)| Plan { steps, tags })
}

fn sieve() -> impl Strategy<Value = Sieve> {
    let size = proptest::sample::select(vec![0, 1, 5, 6, 50, 100, 4_000]);
    let kinds = proptest::sample::select(vec![Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag]);
    prop_oneof![
        4 => Just(Sieve::default()),
        1 => size.clone().prop_map(|size| Sieve { blobs_from: Some(size), ..Sieve::default() }),
        2 => (0_u64..5).prop_map(|depth| Sieve { depth: Some(depth), ..Sieve::default() }),
        1 => kinds.clone().prop_map(|kind| Sieve { only: Some(kind), ..Sieve::default() }),
        1 => (proptest::option::of(size), proptest::option::of(0_u64..5), proptest::option::of(kinds))
            .prop_map(|(blobs_from, depth, only)| Sieve { blobs_from, depth, only }),
    ]
}

/// Queries of one history. `cuts`: with shallow commits.
pub(super) fn query(cuts: bool) -> impl Strategy<Value = Query> {
    let cut = move || {
        if cuts {
            prop_oneof![2 => vec(commit(), 0..1), 1 => vec(commit(), 1..4)].boxed()
        } else {
            Just(vec![]).boxed()
        }
    };
    (vec(pick(), 1..4), vec(pick(), 0..4), cut(), cut(), any::<bool>(), sieve()).prop_map(
        |(wants, haves, receiver_shallow, boundary, include_tags, filter)| Query {
            wants,
            haves,
            receiver_shallow,
            boundary,
            include_tags,
            filter,
        },
    )
}

#[derive(Debug, Clone)]
enum Node {
    File(EntryKind, ObjectId),
    Folder(Folder),
}

type Folder = BTreeMap<&'static str, Node>;

/// A path of one to three names.
fn path(number: u8) -> Vec<&'static str> {
    let number = usize::from(number);
    let names = [number / 3, number / 12, number / 48].map(|at| NAMES[at % NAMES.len()]);
    names[..=number % 3].to_vec()
}

fn find<'f>(folder: &'f Folder, path: &[&'static str]) -> Option<&'f Node> {
    let (name, rest) = path.split_first()?;
    let node = folder.get(name)?;
    match node {
        _ if rest.is_empty() => Some(node),
        Node::Folder(below) => find(below, rest),
        Node::File(..) => None,
    }
}

fn put(folder: &mut Folder, path: &[&'static str], node: Node) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        folder.insert(name, node);
        return;
    }
    let below = folder.entry(name).or_insert_with(|| Node::Folder(Folder::new()));
    if let Node::File(..) = below {
        *below = Node::Folder(Folder::new());
    }
    if let Node::Folder(below) = below {
        put(below, rest, node);
    }
}

fn remove(folder: &mut Folder, path: &[&'static str]) -> Option<Node> {
    let (name, rest) = path.split_first()?;
    if rest.is_empty() {
        return folder.remove(name);
    }
    match folder.get_mut(name) {
        Some(Node::Folder(below)) => remove(below, rest),
        _ => None,
    }
}

/// One commit of a history.
pub(crate) struct Made {
    pub(crate) id: ObjectId,
    pub(crate) tree: ObjectId,
    /// By their place in the history.
    pub(crate) parents: Vec<usize>,
    root: Folder,
}

/// A history whose objects have been written.
pub(crate) struct History {
    pub(crate) repo: gix::Repository,
    /// Parents before children.
    pub(crate) commits: Vec<Made>,
    /// True if a clock went wrong.
    pub(crate) is_skewed: bool,
    /// Each annotated tag and what it points to.
    pub(super) tags: Vec<(ObjectId, ObjectId)>,
    pub(super) trees: HashMap<ObjectId, Vec<(String, EntryKind, ObjectId)>>,
    pub(super) sizes: HashMap<ObjectId, u64>,
    pub(super) places: HashMap<ObjectId, usize>,
}

pub(super) fn signature(seconds: i64) -> gix::actor::Signature {
    gix::actor::Signature {
        name: "A U Thor".into(),
        email: "author@example.com".into(),
        time: gix::date::Time { seconds, offset: 0 },
    }
}

impl History {
    /// Carries `plan` out in `repo`. `midway` is called when half of the commits are there.
    pub(crate) fn make(plan: &Plan, repo: gix::Repository, midway: &mut dyn FnMut(&[Made])) -> Self {
        let mut history = Self {
            repo,
            commits: Vec::new(),
            is_skewed: false,
            tags: Vec::new(),
            trees: HashMap::new(),
            sizes: HashMap::new(),
            places: HashMap::new(),
        };
        for (number, step) in plan.steps.iter().enumerate() {
            if number == plan.steps.len() / 2 {
                midway(&history.commits);
            }
            history.step(number, step);
        }
        for (number, target) in plan.tags.iter().enumerate() {
            let target = history.id(target);
            let target_kind = history.repo.find_header(target).expect("written").kind();
            let tag = Tag {
                target,
                target_kind,
                name: format!("t{number}").into(),
                tagger: Some(signature(1_500_000_000)),
                message: "tag\n".into(),
                signature: None,
            };
            let id = history.repo.write_object(&tag).expect("written").detach();
            if !history.tags.contains(&(id, target)) {
                history.tags.push((id, target));
            }
        }
        history
    }

    fn step(&mut self, number: usize, step: &Step) {
        let mut parents: Vec<usize> = Vec::new();
        for parent in &step.parents {
            if let Some(parent) = self.place(*parent).filter(|parent| !parents.contains(parent)) {
                parents.push(parent);
            }
        }
        let base = step.returns_to.and_then(|commit| self.place(commit)).or_else(|| parents.first().copied());
        let mut root = base.map(|base| self.commits[base].root.clone()).unwrap_or_default();
        for edit in &step.edits {
            self.edit(&mut root, edit);
        }
        let tree = self.write_folder(&root);
        let seconds = 1_500_000_000 + i64::try_from(number).expect("few") * 60 + i64::from(step.skew);
        self.is_skewed |= step.skew != 0;
        let commit = Commit {
            tree,
            parents: parents.iter().map(|parent| self.commits[*parent].id).collect(),
            author: signature(seconds),
            committer: signature(seconds),
            encoding: None,
            message: format!("{number}\n").into(),
            extra_headers: Vec::new(),
        };
        let id = self.repo.write_object(&commit).expect("written").detach();
        self.places.insert(id, self.commits.len());
        self.commits.push(Made { id, tree, parents, root });
    }

    fn edit(&mut self, root: &mut Folder, edit: &Edit) {
        match *edit {
            Edit::Put { path: to, kind, content } => {
                let kind = KINDS[usize::from(kind) % KINDS.len()];
                let blob = self.write_blob(content);
                // The commit of a submodule is elsewhere, and nothing keeps its id from being that of a file here.
                let is_elsewhere = kind == EntryKind::Commit && content % 2 == 0;
                let id = if is_elsewhere { ObjectId::from_bytes_or_panic(&[7; 20]) } else { blob };
                put(root, &path(to), Node::File(kind, id));
            }
            Edit::Remove { path: from } => drop(remove(root, &path(from))),
            Edit::Move { from, to } => {
                if let Some(node) = remove(root, &path(from)) {
                    put(root, &path(to), node);
                }
            }
            Edit::Copy { from, to } => {
                if let Some(node) = find(root, &path(from)).cloned() {
                    put(root, &path(to), node);
                }
            }
            Edit::TakeBack { commit, from, to } => {
                let node = self.place(commit).and_then(|at| find(&self.commits[at].root, &path(from)));
                if let Some(node) = node.cloned() {
                    put(root, &path(to), node);
                }
            }
        }
    }

    fn write_blob(&mut self, content: u8) -> ObjectId {
        let at = usize::from(content) % SIZES.len();
        let letter = b"abcdefgh"[at];
        let bytes: Vec<u8> =
            (0..SIZES[at]).map(|byte| if byte % 40 == 39 { b'\n' } else { letter }).collect();
        let id = self.repo.write_blob(&bytes).expect("written").detach();
        self.sizes.insert(id, bytes.len() as u64);
        id
    }

    fn write_folder(&mut self, folder: &Folder) -> ObjectId {
        let mut entries = Vec::new();
        for (name, node) in folder {
            let (kind, oid) = match node {
                Node::File(kind, id) => (*kind, *id),
                Node::Folder(below) => {
                    let id = self.write_folder(below);
                    if self.trees[&id].is_empty() {
                        continue;
                    }
                    (EntryKind::Tree, id)
                }
            };
            entries.push(Entry { mode: kind.into(), filename: BString::from(*name), oid });
        }
        entries.sort();
        let listed =
            entries.iter().map(|entry| (entry.filename.to_string(), entry.mode.kind(), entry.oid)).collect();
        let id = self.repo.write_object(&Tree { entries }).expect("written").detach();
        self.trees.insert(id, listed);
        id
    }

    /// Gives each of the first commits a branch and every tag its name.
    pub(crate) fn publish(&self, commits: usize) {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(
            self.commits
                .iter()
                .take(commits)
                .enumerate()
                .map(|(at, made)| format!("{} refs/heads/b{at}\n", made.id)),
        );
        lines.extend(self.tags.iter().enumerate().map(|(at, (tag, _))| format!("{tag} refs/tags/t{at}\n")));
        std::fs::write(self.repo.git_dir().join("packed-refs"), lines.concat()).expect("written");
    }

    /// Opens the repository anew, which may have been repacked.
    pub(crate) fn reopen(&mut self) {
        self.repo = gix::open_opts(self.repo.git_dir(), gix::open::Options::isolated()).expect("opened");
    }

    /// The place of the commit that is `back` before the newest, as far as there are any.
    fn place(&self, back: u8) -> Option<usize> {
        let count = self.commits.len();
        (count > 0).then(|| count - 1 - usize::from(back) % count)
    }

    fn commit_id(&self, back: u8) -> ObjectId {
        self.commits[self.place(back).expect("each history has a commit")].id
    }

    pub(super) fn id(&self, pick: &Pick) -> ObjectId {
        match pick {
            Pick::Commit(back) => self.commit_id(*back),
            Pick::Tag(number) if self.tags.is_empty() => self.commit_id(*number),
            Pick::Tag(number) => self.tags[usize::from(*number) % self.tags.len()].0,
            Pick::At(back, at) => {
                let commit = &self.commits[self.place(*back).expect("each history has a commit")];
                let mut found = commit.tree;
                for name in path(*at) {
                    let entry =
                        self.trees.get(&found).and_then(|tree| tree.iter().find(|entry| entry.0 == name));
                    match entry {
                        Some((_, kind, id)) if *kind != EntryKind::Commit => found = *id,
                        _ => break,
                    }
                }
                found
            }
        }
    }

    pub(super) fn ids(&self, picks: &[Pick]) -> Vec<ObjectId> {
        picks.iter().map(|pick| self.id(pick)).collect()
    }

    pub(super) fn commits(&self, picks: &[u8]) -> HashSet<ObjectId> {
        picks.iter().map(|back| self.commit_id(*back)).collect()
    }

    pub(super) fn options(&self, query: &Query) -> CountOptions {
        let include_tags = if query.include_tags { self.tags.clone() } else { Vec::new() };
        CountOptions {
            receiver_shallow: self.commits(&query.receiver_shallow).into_iter().collect(),
            boundary: self.commits(&query.boundary).into_iter().collect(),
            include_tags: include_tags
                .into_iter()
                .map(|(tag, _)| (tag, self.peel(tag, &mut |_| {})))
                .collect(),
            filter: query.filter.to_filter(),
        }
    }

    pub(super) fn peel(&self, id: ObjectId, on_tag: &mut dyn FnMut(ObjectId)) -> ObjectId {
        let mut id = id;
        while let Some((tag, target)) = self.tags.iter().find(|(tag, _)| *tag == id) {
            on_tag(*tag);
            id = *target;
        }
        id
    }
}
