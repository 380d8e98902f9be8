//! Large files are brought back byte for byte, and so are the texts of pointers.

use proptest::prelude::*;

use super::*;
use crate::large::{self, Pointer};

fn text_of_a_pointer() -> String {
    let digits = "0123456789abcdef".repeat(4);
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digits}\nsize 7\n")
}

#[test]
fn large_files_and_texts_of_pointers_go_back_and_forth() {
    let text = text_of_a_pointer();
    let first = state([
        ("a.bin", file("first")),
        ("run", executable("#!/bin/sh")),
        ("pointer", file(&text)),
        ("no-end", file(text.trim_end())),
        ("of-old.txt", file(&text.replace("git-lfs.github", "hawser.github"))),
        ("link", link("a.bin")),
        ("tiny", file("ab")),
    ]);
    let second = state([("a.bin", file("second")), ("run", file("#!/bin/sh")), ("pointer", file("2"))]);
    let project = Project::of_large_files(&second);
    let tree = project.tree_of(&first);
    assert!(tree.has_large);
    project.restore(tree).unwrap();
    assert_eq!(project.state(), first);
    assert_eq!(project.tree(), tree);
    project.undo().unwrap();
    assert_eq!(project.state(), second);
    project.undo().unwrap();
    assert_eq!(project.state(), first);
    project.is_clean();
    project.fsck();
}

#[test]
fn a_pointer_in_a_tree_without_the_trailer_is_a_text() {
    let project = Project::with(&state([("a", file("1"))]));
    let repo = project.history.git();
    let text = text_of_a_pointer();
    let id = repo.write_blob(&text).unwrap().detach();
    let entry =
        crate::checkout::listing::Entry { kind: gix::objs::tree::EntryKind::Blob, id, is_large: false };
    let old = backup::add_to_tree(repo, project.tree().id, [("pointer".into(), entry)]).unwrap();
    let done =
        execute(&project.history, &plan(&project.history, old).unwrap(), &context(), &NoSteps).unwrap();
    assert_eq!((done.added, project.read("pointer")), (1, Some(text.clone())));
    assert!(
        plan(&project.history, old).unwrap().changes.iter().all(|change| change.before.unwrap().is_large)
    );
    project.undo().unwrap();
    assert_eq!(project.read("pointer"), None);
    project.undo().unwrap();
    assert_eq!(project.read("pointer"), Some(text));
}

#[test]
fn what_is_not_here_is_named_before_anything_is_written() {
    let project = Project::of_large_files(&state([("a", file("first")), ("b", file("1"))]));
    let tree = project.tree();
    let store = project.history.large_files();
    let [pointer] = store.all().unwrap()[..] else { panic!("one large file") };
    project.write("a", "second");
    project.write("b", "2");
    fs::remove_file(store.path(&pointer.oid)).unwrap();
    let refused = project.restore(tree);
    let Err(Error::LargeMissing(missing)) = &refused else { panic!("{refused:?}") };
    assert_eq!(missing.files, [(BString::from("a"), pointer)]);
    assert_eq!((project.read("a").unwrap(), project.read("b").unwrap()), ("second".into(), "2".into()));
    let into = project.root().with_file_name("elsewhere");
    let refused = crate::checkout::checkout(project.history.git(), tree, &into);
    assert!(matches!(refused, Err(crate::checkout::Error::LargeMissing(_))), "{refused:?}");
    // Another length than the pointer's is as good as missing.
    fs::write(store.path(&pointer.oid), "first and more").unwrap();
    assert!(matches!(project.restore(tree), Err(Error::LargeMissing(_))));
}

#[test]
fn what_is_edited_meanwhile_or_in_the_way_is_kept_as_a_large_file() {
    let ignore = (".gitignore", file("*.log\n"));
    let project = Project::of_large_files(&state([ignore.clone(), ("x.log", file("in the way, and large"))]));
    let target = state([(".gitignore", file("*.tmp\n")), ("x.log", file("from the snapshot"))]);
    let tree = project.tree_of(&target);
    project.become_(&state([ignore, ("x.log", file("in the way, and large"))]));
    let force = Context { force: true, ..context() };
    execute(&project.history, &plan(&project.history, tree).unwrap(), &force, &NoSteps).unwrap();
    assert_eq!(project.state(), target);
    let backup = newest_backup(&project.history).unwrap().unwrap();
    let tree = Tree { id: backup.tree, has_large: backup.has_large };
    let listing = crate::checkout::listing::list(project.history.git(), tree).unwrap();
    let pointer = listing[&BString::from("x.log")].pointer(project.history.git()).unwrap().unwrap();
    let mut content = String::new();
    std::io::Read::read_to_string(&mut project.history.large_files().open(&pointer).unwrap(), &mut content)
        .unwrap();
    assert_eq!(content, "in the way, and large");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_two_folders_go_back_and_forth(
        one in folder(), two in folder(), from in prop_oneof![Just(1u64), Just(6), Just(130), Just(1 << 40)],
    ) {
        let mut project = Project::with(&one);
        project.history.set_large_from(from);
        let tree = project.tree();
        let here = project.history.large_files().all().unwrap();
        prop_assert!(here.iter().all(|pointer| project.history.large_files().is_whole(pointer).unwrap()));
        prop_assert_eq!(tree.has_large, !here.is_empty());
        project.become_(&two);
        project.restore(tree).unwrap();
        prop_assert_eq!(project.state(), one.clone());
        prop_assert_eq!(project.tree(), tree);
        project.undo().unwrap();
        prop_assert_eq!(project.state(), two);
    }
}

/// Files of all sizes around the bounds, texts that are pointers and texts that nearly are.
fn folder() -> impl Strategy<Value = State> {
    let pointer = (any::<[u8; 32]>(), any::<u32>()).prop_map(|(oid, size)| {
        Pointer { oid: large::Oid::from_bytes(oid), size: size.into() }.to_string().into_bytes()
    });
    let text = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 100..200),
        2 => pointer.clone(),
        1 => pointer.prop_map(|mut text| { text.pop(); text }),
    ];
    let node = prop_oneof![
        4 => text.clone().prop_map(Node::File),
        1 => text.prop_map(Node::Executable),
        1 => "[a-c]".prop_map(|target| Node::Link(target.into())),
    ];
    prop::collection::btree_map("[abc]|d/[ab]".prop_map(BString::from), node, 1..5)
}
