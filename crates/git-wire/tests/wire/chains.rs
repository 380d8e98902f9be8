//! Deltas on deltas: the index of any pack is that of `git index-pack`, deep chains cost what they are long, and none is
//! stored.

use std::fs;
use std::path::Path;
use std::time::Duration;

use git_wire::pack::{Connectivity, IngestOptions, Stored, ingest};
use gix::objs::Kind;
use gix_pack::data::entry::Header;
use proptest::prelude::*;

use crate::forge::{BLOB, Pack, id_of};
use crate::sandbox::{feed, git};

/// The longest chain that is stored.
const STORED: u32 = 256;

/// The representation of an object in a pack.
#[derive(Debug, Clone, Copy)]
enum How {
    Whole,
    /// As a delta of an earlier entry, this many before it.
    Offset(usize),
    /// As a delta of any other object, by its id.
    Id(usize),
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        1 => Just(How::Whole),
        // Deep and bushy: mostly the last one, or one that many stand on.
        6 => (0_usize..3).prop_map(How::Offset),
        3 => (0_usize..1000).prop_map(How::Offset),
        2 => (0_usize..1000).prop_map(How::Id),
    ]
}

/// Makes a delta that keeps the base's beginning and adds `tail`.
fn delta(base: &[u8], tail: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let kept = base.len().min(200);
    let object = [&base[..kept], tail].concat();
    let mut delta = Vec::new();
    for mut length in [base.len(), object.len()] {
        while length >= 0x80 {
            delta.push(u8::try_from(length & 0x7f).expect("masked") | 0x80);
            length >>= 7;
        }
        delta.push(u8::try_from(length).expect("short"));
    }
    delta.extend([0x90, u8::try_from(kept).expect("short"), u8::try_from(tail.len()).expect("short")]);
    delta.extend_from_slice(tail);
    (delta, object)
}

/// A pack of blobs, and those that deltas stand on and that `outside` says are left out.
fn build(plan: &[How], outside: usize) -> (Pack, Vec<Vec<u8>>) {
    // The contents first, since a base named by id may come later.
    let mut objects: Vec<Vec<u8>> = Vec::new();
    let mut bases = Vec::new();
    for (number, how) in plan.iter().enumerate() {
        let tail = format!("{number:06}\n");
        let base = match how {
            How::Whole => None,
            How::Offset(back) | How::Id(back) => number.checked_sub(1 + back % number.max(1)),
        };
        objects.push(match base {
            Some(base) => delta(&objects[base], tail.as_bytes()).1,
            None => format!("{tail}{}", "a line of text\n".repeat(20)).into_bytes(),
        });
        bases.push(base);
    }
    // Deltas by id come in the reverse order, so that their bases are behind them.
    let mut order: Vec<usize> = (outside..plan.len()).collect();
    let by_id = |at: &usize| matches!(plan[*at], How::Id(_));
    order.sort_by_key(|at| if by_id(at) { (0, usize::MAX - at) } else { (1, *at) });
    let mut pack = Pack::default();
    let mut begins = vec![None; plan.len()];
    for at in order {
        let begin = pack.entries.len();
        pack = match bases[at] {
            None => pack.entry(BLOB, &objects[at]),
            Some(base) => {
                let (delta, _) = delta(&objects[base], format!("{at:06}\n").as_bytes());
                let begun: Option<usize> = begins[base];
                let header = match (begun, plan[at]) {
                    (Some(base), How::Offset(_)) => Header::OfsDelta { base_distance: (begin - base) as u64 },
                    _ => Header::RefDelta { base_id: id_of(Kind::Blob, &objects[base]) },
                };
                pack.entry_of(header, &delta)
            }
        };
        begins[at] = Some(begin);
    }
    objects.truncate(outside);
    (pack, objects)
}

fn options() -> IngestOptions {
    IngestOptions { connectivity: Connectivity::Unchecked, durable: false, ..IngestOptions::default() }
}

fn take(repository: &Path, pack: &[u8]) -> Stored {
    let repo = gix::open_opts(repository, gix::open::Options::isolated()).expect("opened");
    ingest(&repo, &mut &*pack, &options(), &mut |_| {}).expect("good").accept().expect("stored")
}

/// The ids in a pack, and the length of its longest chain, as stock git sees them.
fn verify(repository: &Path, index: &Path) -> (Vec<String>, u32) {
    let told = git(repository, &["verify-pack", "-v", index.to_str().expect("UTF-8")]);
    let (mut ids, mut longest) = (Vec::new(), 0);
    for line in told.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first().is_some_and(|word| word.len() == 40) {
            ids.push(words[0].to_owned());
            longest = longest.max(words.get(5).map_or(0, |depth| depth.parse().expect("a number")));
        }
    }
    ids.sort_unstable();
    (ids, longest)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        failure_persistence: Some(Box::new(proptest::test_runner::FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_index_of_any_pack_is_that_of_stock_git(
        plan in prop::collection::vec(how(), 1..600),
        outside in 0_usize..4,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let [repository, other] = ["repo.git", "other.git"].map(|name| folder.path().join(name));
        let mut plan = plan;
        plan[0] = How::Whole;
        let outside = outside.min(plan.len() - 1);
        let (pack, bases) = build(&plan, outside);
        for repository in [&repository, &other] {
            git(folder.path(), &["init", "-q", "--bare", repository.to_str().expect("UTF-8")]);
            for base in &bases {
                feed(repository, &["hash-object", "-w", "--stdin"], base);
            }
        }
        let bytes = pack.finish();
        let stored = take(&repository, &bytes);
        let ours = stored.path.expect("a pack");
        let (ids, longest) = verify(&repository, &ours.with_extension("idx"));
        prop_assert!(longest <= STORED, "{longest}");
        prop_assert_eq!(stored.objects as usize, ids.len());
        // The same objects as in the pack that stock git makes of it.
        feed(&other, &["index-pack", "--stdin", "--fix-thin", "their.pack"], &bytes);
        prop_assert_eq!(&ids, &verify(&other, &other.join("their.idx")).0);
        // And the same index that it makes of ours.
        let theirs = folder.path().join("theirs.idx");
        git(&repository, &["index-pack", "-o", theirs.to_str().expect("UTF-8"), ours.to_str().expect("UTF-8")]);
        prop_assert!(fs::read(&theirs).expect("read") == fs::read(ours.with_extension("idx")).expect("read"));
        if outside == 0 && longest < STORED {
            prop_assert!(fs::read(&ours).expect("read") == bytes, "it is stored as it came");
        }
    }
}

/// A chain of so many deltas.
pub(crate) fn chain(length: usize) -> Vec<u8> {
    let mut plan = vec![How::Offset(0); length + 1];
    plan[0] = How::Whole;
    build(&plan, 0).0.finish()
}

/// The processor time that this process has taken so far.
pub(crate) fn spent() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("a process");
    let words: Vec<&str> = stat.rsplit(')').next().expect("words").split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|at| words[*at].parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// Security review, S7: 20,000 deltas took 6 s and 40,000 took 21.6 s.
#[test]
fn a_chain_costs_what_it_is_long_and_is_stored_in_pieces() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut took = Vec::new();
    for (name, length) in [("short.git", 5_000), ("long.git", 40_000)] {
        git(folder.path(), &["init", "-q", "--bare", name]);
        let pack = chain(length);
        let before = spent();
        let stored = take(&folder.path().join(name), &pack);
        took.push(spent().checked_sub(before).expect("time goes on"));
        assert_eq!(stored.objects as usize, length + 1);
        let (_, longest) =
            verify(&folder.path().join(name), &stored.path.expect("a pack").with_extension("idx"));
        assert_eq!(longest, STORED);
    }
    // Eight times as long; were it quadratic, it would be sixty-four times as much.
    assert!(took[1] < took[0] * 24 + Duration::from_millis(500), "{took:?}");
}
