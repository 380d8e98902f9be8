//! A damaged commit-graph is none: answers are right without it. One that is made to deceive harms nobody.

use bstr::ByteSlice as _;
use git_wire::history::{Graph, History, LogOptions, PathQuery};
use sha1::{Digest as _, Sha1};

use super::{filters, graph_file, write_graph};
use crate::sandbox::git;

/// A repository with a commit-graph with every chunk but that of late dates, and its bytes.
fn repository() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    git(path, &["init", "-q", "--bare", "-b", "main"]);
    filters::import_chain(path, 40);
    let tree = git(path, &["rev-parse", "main^{tree}"]);
    let parents: Vec<String> = (0..4).flat_map(|back| ["-p".to_owned(), format!("main~{back}")]).collect();
    let mut args = vec!["commit-tree", "-m", "octopus", &tree];
    args.extend(parents.iter().map(String::as_str));
    let octopus = git(path, &args);
    git(path, &["update-ref", "refs/heads/main", &octopus]);
    assert_eq!(write_graph(path), 41);
    let bytes = std::fs::read(graph_file(path)).expect("written");
    for chunk in ["OIDF", "OIDL", "CDAT", "GDA2", "EDGE", "BIDX", "BDAT"] {
        assert!(bytes[..200].contains_str(chunk), "{chunk}");
    }
    (folder, bytes)
}

/// The header and the table of chunks.
const TABLE: usize = 8 + 8 * 12;

#[test]
fn a_flipped_byte_or_a_missing_end_is_noticed() {
    let (_folder, bytes) = repository();
    assert!(Graph::parse(bytes.clone()).is_some());
    for at in (0..TABLE).chain((TABLE..bytes.len()).step_by(29)) {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            assert!(Graph::parse(damaged).is_none(), "byte {at}");
        }
    }
    for length in (0..TABLE).chain((TABLE..bytes.len()).step_by(101)) {
        assert!(Graph::parse(bytes[..length].to_vec()).is_none(), "{length} bytes");
    }
}

#[test]
fn a_damaged_file_is_passed_over() {
    let (folder, bytes) = repository();
    let path = folder.path();
    let repo = gix::open_opts(path, gix::open::Options::isolated()).expect("opened");
    let graphs = git_wire::history::Graphs::new(1 << 20);
    assert!(graphs.get(&repo).is_some());
    std::fs::remove_file(graph_file(path)).expect("removed");
    std::fs::write(graph_file(path), &bytes[..bytes.len() / 2]).expect("written");
    let graph = graphs.get(&repo);
    assert!(graph.is_none());
    let tip = repo.rev_parse_single("main").expect("there").detach();
    let mut history = History::new(&repo, graph, &|| true);
    let options =
        LogOptions { tips: vec![tip], path: PathQuery::new("rare".into()), ..LogOptions::default() };
    assert_eq!(super::log(&mut history, options).len(), 2);
    assert_eq!(write_graph(path), 41, "maintenance writes it anew");
    assert!(graphs.get(&repo).is_some());
}

/// With a checksum that fits, whatever stands in it.
#[test]
fn a_graph_that_is_made_to_deceive_neither_panics_nor_hangs() {
    let (folder, bytes) = repository();
    let repo = gix::open_opts(folder.path(), gix::open::Options::isolated()).expect("opened");
    let tip = repo.rev_parse_single("main").expect("there").detach();
    let old = repo.rev_parse_single("main~7").expect("there").detach();
    let mut sound = 0;
    for at in (0..TABLE).chain((TABLE..bytes.len() - 20).step_by(7)) {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut forged = bytes.clone();
            forged[at] = value;
            let end = forged.len() - 20;
            let checksum = Sha1::digest(&forged[..end]);
            forged[end..].copy_from_slice(&checksum);
            let Some(graph) = Graph::parse(forged) else { continue };
            sound += 1;
            let mut history = History::new(&repo, Some(graph.into()), &|| true);
            // What it says may be wrong, and what it names may be missing.
            drop(history.apart(tip, &[old]));
            drop(history.merge_bases(tip, old));
            let path = PathQuery::new("rare/file0".into());
            let options = LogOptions { tips: vec![tip], hidden: vec![old], path, ..LogOptions::default() };
            if let Ok(mut log) = history.log(options) {
                while let Ok(Some(_)) = log.next_commit() {}
            }
        }
    }
    assert!(sound > 100, "{sound} were taken for graphs");
}
