//! Random histories in which trees, files and modes return, move and are merged under clocks that go wrong, and a slow,
//! obvious model of what a receiver of a part of one needs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

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

/// How a history is made. Numbers stand for commits, counted back from the newest, and for paths.
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
pub(crate) enum Pick {
    Commit(u8),
    Tag(u8),
    /// What is at a path in a commit, or its tree if that is nothing.
    At(u8, u8),
}

/// What a receiver asks for.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) wants: Vec<Pick>,
    pub(crate) haves: Vec<Pick>,
    pub(crate) receiver_shallow: Vec<u8>,
    pub(crate) boundary: Vec<u8>,
    pub(crate) include_tags: bool,
    pub(crate) filter: Sieve,
}

/// A filter that can be looked into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sieve {
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

    fn lets(self, kind: Kind, size: u64, depth: u64) -> bool {
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

fn pick() -> impl Strategy<Value = Pick> {
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
pub(crate) fn query(cuts: bool) -> impl Strategy<Value = Query> {
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
    tree: ObjectId,
    /// By their place in the history.
    parents: Vec<usize>,
    root: Folder,
}

/// A history whose objects have been written.
pub(crate) struct History {
    pub(crate) repo: gix::Repository,
    /// Parents before children.
    pub(crate) commits: Vec<Made>,
    /// Whether a clock went wrong.
    pub(crate) is_skewed: bool,
    /// Each annotated tag and what it points to.
    pub(crate) tags: Vec<(ObjectId, ObjectId)>,
    trees: HashMap<ObjectId, Vec<(String, EntryKind, ObjectId)>>,
    sizes: HashMap<ObjectId, u64>,
    places: HashMap<ObjectId, usize>,
}

fn signature(seconds: i64) -> gix::actor::Signature {
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

    /// The place of the commit that is `back` before the newest, as far as there are any.
    fn place(&self, back: u8) -> Option<usize> {
        let count = self.commits.len();
        (count > 0).then(|| count - 1 - usize::from(back) % count)
    }

    fn commit_id(&self, back: u8) -> ObjectId {
        self.commits[self.place(back).expect("each history has a commit")].id
    }

    pub(crate) fn id(&self, pick: &Pick) -> ObjectId {
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

    pub(crate) fn ids(&self, picks: &[Pick]) -> Vec<ObjectId> {
        picks.iter().map(|pick| self.id(pick)).collect()
    }

    fn commits(&self, picks: &[u8]) -> HashSet<ObjectId> {
        picks.iter().map(|back| self.commit_id(*back)).collect()
    }

    pub(crate) fn options(&self, query: &Query) -> CountOptions {
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

    fn peel(&self, id: ObjectId, on_tag: &mut dyn FnMut(ObjectId)) -> ObjectId {
        let mut id = id;
        while let Some((tag, target)) = self.tags.iter().find(|(tag, _)| *tag == id) {
            on_tag(*tag);
            id = *target;
        }
        id
    }

    /// The commits that `from` reach without going beyond those in `ends`.
    fn reach(&self, from: impl IntoIterator<Item = ObjectId>, ends: &HashSet<ObjectId>) -> HashSet<ObjectId> {
        let mut found = HashSet::new();
        let mut pending: Vec<ObjectId> = from.into_iter().filter(|id| self.places.contains_key(id)).collect();
        while let Some(id) = pending.pop() {
            if found.insert(id) && !ends.contains(&id) {
                let made = &self.commits[self.places[&id]];
                pending.extend(made.parents.iter().map(|parent| self.commits[*parent].id));
            }
        }
        found
    }

    /// Calls `visit` with the path, the kind and the depth of all that is at or below `id`, submodules apart.
    fn walk(&self, id: ObjectId, path: &str, depth: u64, visit: &mut dyn FnMut(&str, ObjectId, Kind, u64)) {
        let Some(entries) = self.trees.get(&id) else {
            visit(path, id, Kind::Blob, depth);
            return;
        };
        visit(path, id, Kind::Tree, depth);
        for (name, kind, id) in entries {
            if *kind != EntryKind::Commit {
                self.walk(*id, &format!("{path}/{name}"), depth + 1, visit);
            }
        }
    }

    fn objects_below(&self, id: ObjectId, into: &mut HashSet<ObjectId>) {
        self.walk(id, "", 0, &mut |_, id, _, _| {
            into.insert(id);
        });
    }

    /// What is due to who asks this; `commits_sent` are commits that were found new.
    pub(crate) fn expected(&self, query: &Query, commits_sent: &HashSet<ObjectId>) -> Expected {
        let none = HashSet::new();
        let (mut wanted_tags, mut had_tags) = (HashSet::new(), HashSet::new());
        let split = |picks: &[Pick], tags: &mut HashSet<ObjectId>| -> Vec<ObjectId> {
            let mut on_tag = |tag| {
                tags.insert(tag);
            };
            self.ids(picks).into_iter().map(|id| self.peel(id, &mut on_tag)).collect()
        };
        let (wants, haves) = (split(&query.wants, &mut wanted_tags), split(&query.haves, &mut had_tags));
        let boundary = self.commits(&query.boundary);

        let had_commits = self.reach(haves.iter().copied(), &self.commits(&query.receiver_shallow));
        let mut had: HashSet<ObjectId> = had_commits.union(&had_tags).copied().collect();
        for commit in &had_commits {
            self.objects_below(self.commits[self.places[commit]].tree, &mut had);
        }
        for other in haves.iter().filter(|id| !self.places.contains_key(*id)) {
            self.objects_below(*other, &mut had);
        }

        let filter = query.filter;
        let lets = |kind, id: &ObjectId, depth| {
            filter.lets(kind, self.sizes.get(id).copied().unwrap_or_default(), depth)
        };
        let ends: HashSet<ObjectId> = boundary.union(&had_commits).copied().collect();
        let new: HashSet<ObjectId> =
            self.reach(wants.iter().copied(), &ends).difference(&had_commits).copied().collect();
        // Beyond a shallow commit of the receiver: that it has that commit may be found out later.
        let beyond = self.reach(wants.iter().copied(), &boundary);
        let perhaps_new: HashSet<ObjectId> =
            beyond.difference(&had_commits).chain(commits_sent).copied().collect();
        let reached = self.reach(wants.iter().copied(), &none);

        let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
        for commit in &new {
            if lets(Kind::Commit, commit, 0) || wants.contains(commit) {
                must.insert(*commit);
            }
            self.walk(self.commits[self.places[commit]].tree, "", 0, &mut |_, id, kind, depth| {
                if !had.contains(&id) && lets(kind, &id, depth) {
                    must.insert(id);
                }
            });
        }
        for commit in &perhaps_new {
            let made = &self.commits[self.places[commit]];
            may.insert(*commit);
            let mut at_parents: HashSet<(String, ObjectId)> = HashSet::new();
            for parent in made.parents.iter().map(|at| &self.commits[*at]) {
                if had_commits.contains(&parent.id) || perhaps_new.contains(&parent.id) {
                    self.walk(parent.tree, "", 0, &mut |path, id, _, _| {
                        at_parents.insert((path.to_owned(), id));
                    });
                }
            }
            self.walk(made.tree, "", 0, &mut |path, id, kind, depth| {
                if lets(kind, &id, depth) && !at_parents.contains(&(path.to_owned(), id)) {
                    may.insert(id);
                }
            });
        }
        for id in wants.iter().filter(|id| !self.places.contains_key(*id)) {
            may.insert(*id);
            if !had.contains(id) {
                must.insert(*id);
            }
            for (name, kind, below) in self.trees.get(id).into_iter().flatten() {
                if *kind == EntryKind::Commit {
                    continue;
                }
                // Depth begins anew below what is asked for by name.
                self.walk(*below, name, 0, &mut |_, id, kind, depth| {
                    if lets(kind, &id, depth) {
                        may.insert(id);
                        if !had.contains(&id) {
                            must.insert(id);
                        }
                    }
                });
            }
        }
        may.extend(&wanted_tags);
        must.extend(wanted_tags.iter().filter(|tag| !had_tags.contains(*tag)));
        if query.include_tags {
            for (tag, _) in &self.tags {
                let mut chain = Vec::new();
                let target = self.peel(*tag, &mut |tag| chain.push(tag));
                may.extend(chain.iter().copied().filter(|_| may.contains(&target)).collect::<Vec<_>>());
                let is_due = must.contains(&target) && !had_tags.contains(tag);
                must.extend(chain.into_iter().filter(|tag| is_due && !had_tags.contains(tag)));
            }
        }
        may.extend(&must);
        Expected { must, may, had, new, reached }
    }
}

/// What is due to a receiver.
pub(crate) struct Expected {
    /// What it lacks.
    pub(crate) must: BTreeSet<ObjectId>,
    /// And what it may get: what is not at the same path in one of a new commit's parents.
    pub(crate) may: BTreeSet<ObjectId>,
    /// What it has.
    pub(crate) had: HashSet<ObjectId>,
    /// The commits that it lacks.
    pub(crate) new: HashSet<ObjectId>,
    /// The commits that what it wants reaches.
    pub(crate) reached: HashSet<ObjectId>,
}
