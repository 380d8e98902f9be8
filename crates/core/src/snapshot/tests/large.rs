//! Large files: pointers in the tree, their bytes beside Git's objects; and those that are too large are not read to be refused.

use super::*;

#[test]
fn a_file_that_is_too_large_is_refused_by_its_size_unless_the_last_snapshot_has_such_a_one() {
    let f = fixture();
    let limited = |limits| take(&f.history, &Request { limits, ..request() }, &Silent);
    let limits = Limits { file: 1000, total: 1000, large: 1000 };
    f.write("known.bin", "x".repeat(2000));
    limited(Limits::NONE).unwrap();
    // It was only touched: its content is stored, and that is found out by reading it.
    f.write("known.bin", "x".repeat(2000));
    limited(limits).unwrap();
    // 1 TB, which nobody waits for.
    fs::File::create(f.root.join("huge.bin")).unwrap().set_len(1 << 40).unwrap();
    let refused = limited(limits);
    let Err(Error::TooLarge { total, largest, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((total, largest), (1 << 40, vec![("huge.bin".into(), 1 << 40)]));
}

#[test]
fn an_ignore_file_that_is_too_large_stops_the_snapshot_and_is_named() {
    let f = fixture();
    f.write("data/x", "x");
    fs::File::create(f.root.join("data/.gitignore")).unwrap().set_len(1 << 40).unwrap();
    let refused = take(&f.history, &request(), &Silent);
    let Err(Error::Io(IoError { path, source, .. })) = refused else { panic!("{refused:?}") };
    assert_eq!((path, source.kind()), (f.root.join("data"), std::io::ErrorKind::FileTooLarge));
}

/// With large files from so many bytes on.
fn with_large(from: u64) -> Fixture {
    let mut f = fixture();
    f.history.set_large_from(from);
    f
}

impl Fixture {
    fn blob(&self, path: &str) -> String {
        self.git(&["cat-file", "blob", &format!("AzureMLHistory/{ID}:{path}")])
    }
}

#[test]
fn a_large_file_is_a_pointer_in_the_tree_and_its_bytes_lie_where_git_lfs_has_them() {
    let f = with_large(100);
    let content = "x".repeat(1000);
    f.write("data/big.bin", &content);
    f.write("same.bin", &content);
    f.write("small.bin", "x".repeat(99));
    let taken = f.take();
    let sum = Command::new("sha256sum").arg(f.root.join("same.bin")).output().unwrap();
    let oid = sum.stdout.to_str_lossy()[..64].to_owned();
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1000");
    assert_eq!((f.blob("data/big.bin"), f.blob("same.bin")), (pointer.clone(), pointer));
    assert_eq!(f.blob("small.bin"), "x".repeat(99));
    let object = f.history.path().join("lfs/objects").join(&oid[..2]).join(&oid[2..4]).join(&oid);
    assert_eq!(fs::read_to_string(&object).unwrap(), content);
    assert_eq!(fs::metadata(object).unwrap().permissions().mode() & 0o222, 0, "nobody writes into it");
    let message = f.git(&["log", "-1", "--format=%B", &format!("AzureMLHistory/{ID}")]);
    assert!(message.ends_with("\n\nLarge-Files: lfs/1"), "{message}");
    assert_eq!((taken.has_large, taken.files), (true, 3));
    f.fsck();

    // Nothing changed: the same snapshot, with the same message, also where the index has the whole folder.
    let again = f.take();
    assert_eq!((again.commit, again.is_new, again.has_large), (taken.commit, false, true));
    f.write("other.txt", "one more");
    let third = f.take();
    assert_eq!((third.is_new, third.has_large, third.bytes_new), (true, true, 8));
    fs::remove_dir_all(f.root.join("data")).unwrap();
    fs::remove_file(f.root.join("same.bin")).unwrap();
    assert!(!f.take().has_large, "a snapshot without large files says nothing of them");
    let message = f.git(&["log", "-1", "--format=%B", &format!("AzureMLHistory/{ID}")]);
    assert!(!message.contains("Large-Files"), "{message}");
}

#[test]
fn an_unchanged_large_file_is_not_read_again() {
    let f = with_large(100);
    f.write("big.bin", "x".repeat(1000));
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_hours(400_000);
    fs::File::options().write(true).open(f.root.join("big.bin")).unwrap().set_modified(old).unwrap();
    // Its inode changed just now, which the index can't vouch for; a later second can.
    let taken = loop {
        f.take();
        let taken = f.take();
        if taken.changed == 0 {
            break taken;
        }
    };
    assert!(taken.has_large && !taken.is_new);
}

#[test]
fn what_the_users_attributes_give_to_lfs_is_a_large_file_and_not_stored_twice() {
    let f = fixture();
    let git = |args: &[&str]| {
        let run = Command::new("git")
            .arg("-C")
            .arg(&f.root)
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", run.stderr.as_bstr());
    };
    git(&["init", "-q"]);
    f.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\nplain.bin !filter\n");
    f.write("models/.gitattributes", "*.pt filter=lfs\n");
    f.write("a.bin", "tracked");
    f.write("models/b.pt", "tracked, too");
    f.write("plain.bin", "not tracked");
    f.write("b.pt", "not tracked");
    f.write("empty.bin", "");
    let pointer = crate::large::hash(&mut "tracked".as_bytes(), &mut |_| {}).unwrap();
    let object = f.root.join(".git/lfs/objects").join(pointer.oid.store_path());
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(&object, "tracked").unwrap();
    f.take();
    assert_eq!(f.blob("a.bin"), pointer.to_string().trim_end());
    assert!(f.blob("models/b.pt").starts_with("version https"), "{}", f.blob("models/b.pt"));
    assert_eq!(
        (f.blob("plain.bin"), f.blob("b.pt"), f.blob("empty.bin")),
        ("not tracked".into(), "not tracked".into(), String::new())
    );
    use std::os::unix::fs::MetadataExt as _;
    let ours = f.history.large_files().path(&pointer.oid);
    assert_eq!(
        fs::metadata(ours).unwrap().ino(),
        fs::metadata(&object).unwrap().ino(),
        "one file, two names"
    );

    // A damaged object of the user's is no copy of the file.
    f.write("c.bin", "other");
    let pointer = crate::large::hash(&mut "other".as_bytes(), &mut |_| {}).unwrap();
    let object = f.root.join(".git/lfs/objects").join(pointer.oid.store_path());
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(&object, "wrong").unwrap();
    f.take();
    assert!(f.history.large_files().is_whole(&pointer).unwrap());
}

#[test]
fn the_limit_on_large_files_names_the_folders_and_the_lines() {
    let f = with_large(100);
    let limited = |limits| take(&f.history, &Request { limits, ..request() }, &Silent);
    f.write("data/a.bin", "a".repeat(600));
    f.write("data/b.bin", "b".repeat(600));
    f.write("train.py", "print(1)");
    let limits = Limits { large: 1_000, ..Limits::default() };
    let Err(Error::TooLarge { total, largest, leave_out }) = limited(limits) else {
        panic!("it is too large")
    };
    assert_eq!((total, largest.len(), leave_out.len()), (1_208, 3, 1));
    assert_eq!((leave_out[0].line.as_str(), leave_out[0].bytes), ("/data/a.bin", 600));
    assert!(f.history.tip().unwrap().is_none() && f.history.large_files().all().unwrap().is_empty());
    f.write(".amlignore", format!("{}\n", leave_out[0].line));
    limited(limits).unwrap();
    // What is stored costs nothing again.
    f.write("data/b.bin", "b".repeat(600));
    f.write(".amlignore", "");
    limited(limits).unwrap();
}

#[test]
fn a_secret_among_large_files_is_left_out() {
    let f = with_large(100);
    let key = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        "MIIEpAIBAAKCAQEA".repeat(20)
    );
    f.write("notes.txt", &key);
    let taken = f.take();
    assert_eq!(taken.left_out.iter().map(|left| left.why).collect::<Vec<_>>(), [Why::Secret]);
    assert!(f.history.large_files().all().unwrap().is_empty());
}

#[test]
fn a_pointer_without_its_bytes_stays_one_in_the_next_snapshots_and_is_a_text_for_a_restore() {
    let f = with_large(1_000);
    f.write("data/deep/big.bin", "x".repeat(2_000));
    f.write("plain.txt", "plain");
    let first = f.take();
    let pointer = f.blob("data/deep/big.bin") + "\n";
    let (texts, kept) =
        (TreeRequest { limits: Limits::NONE, ..TreeRequest::default() }, f.blob("data/deep/big.bin"));
    let as_texts = || tree(&f.history.for_question().unwrap(), &texts, &Silent).unwrap().tree;
    f.write("data/deep/big.bin", &pointer);
    for round in 0..3 {
        // Whoever asks for texts, before or after a snapshot, sees one.
        assert_ne!(as_texts(), first.tree, "{round}");
        assert_eq!(f.take().commit, first.commit, "{round}");
    }
    // The same text at another path is one, and so is another pointer in its place.
    f.write("data/copy.bin", &pointer);
    let second = f.take();
    assert!(second.is_new && second.has_large);
    assert_eq!(f.blob("data/deep/big.bin"), kept);
    assert_ne!(f.blob("data/copy.bin"), kept);
    f.write("data/deep/big.bin", pointer.replace("size 2000", "size 2001"));
    let _third = f.take();
    assert_ne!(f.blob("data/deep/big.bin"), kept);
    assert!(!f.blob("data/deep/big.bin").contains("size 2001"), "it is a text behind a pointer");
    f.fsck();
}

#[test]
fn a_question_leaves_nothing_in_the_history() {
    let f = with_large(1_000);
    f.write("data/big.bin", "x".repeat(2_000));
    f.write("train.py", "print(1)");
    let taken = f.take();
    let everything = || {
        let listed = Command::new("find").arg(f.history.path()).args(["-type", "f"]).output().unwrap();
        let mut names: Vec<_> = listed.stdout.to_str_lossy().lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    let before = everything();
    f.write("data/big.bin", "y".repeat(3_000));
    f.write("data/new.txt", "new");
    for n in 0..100 {
        f.write(&format!("many/{n}"), format!("{n}"));
    }
    let question = f.history.for_question().unwrap();
    let asked = tree(&question, &TreeRequest::default(), &Silent).unwrap();
    assert!(asked.has_large && asked.tree != taken.tree);
    let files = crate::checkout::listing::list(question.git(), asked.tree()).unwrap();
    assert_eq!(files.len(), 103);
    let new = files[BStr::new("data/new.txt")];
    assert_eq!(question.git().find_blob(new.id).unwrap().data, b"new");
    assert!(!f.history.git().has_object(asked.tree));
    drop(question);
    assert_eq!(everything(), before);
    // What it found out is no reason to pass over a file that is not stored.
    assert_eq!(f.take().tree, asked.tree);
    f.fsck();
}
