//! Tests of the stat index: its bytes, and what damage does to it.

use proptest::prelude::*;

use super::*;

fn id(byte: u8) -> ObjectId {
    ObjectId::from_bytes_or_panic(&[byte; 20])
}

fn known(kind: Kind, byte: u8) -> Known {
    let stat = Stat {
        size: 5,
        mtime_s: 100,
        mtime_ns: 7,
        ctime_s: 101,
        ctime_ns: 8,
        ino: 0x0102_0304_0506,
        dev: 66,
    };
    Known { kind, is_secret: false, excluded: false, is_large: false, stat, id: id(byte), child: None }
}

fn sample() -> Builder {
    let mut builder = Builder::new((200, 0));
    builder.folder(Some(id(0xaa)), None);
    builder.entry("a.txt".into(), &known(Kind::File, 1));
    builder.entry("data".into(), &Known { stat: Stat::default(), child: Some(1), ..known(Kind::Folder, 2) });
    builder.entry("key".into(), &Known { is_secret: true, excluded: true, ..known(Kind::Executable, 3) });
    builder.folder(Some(id(2)), Some(Stat { size: 4096, ..known(Kind::Folder, 2).stat }));
    builder.entry("link".into(), &known(Kind::Link, 4));
    builder.entry("weights".into(), &Known { is_large: true, ..known(Kind::File, 5) });
    builder
}

/// The format's golden file: a change here needs a new version.
#[test]
fn version_3_is_the_golden_one() {
    let bytes = sample().into_bytes();
    let golden = include_bytes!("golden-v3.bin");
    assert_eq!(bytes, golden);
    let index = StatIndex::from_bytes(golden.to_vec()).unwrap();
    assert_eq!(index.root_tree(), Some(id(0xaa)));
    let root = index.folder(index.root());
    assert_eq!((root.len(), root.is_empty()), (3, false));
    assert_eq!(root.entry(0).name, "a.txt");
    assert_eq!(root.entry(0).known(), known(Kind::File, 1));
    assert!(root.entry(2).known().is_secret && root.entry(2).known().excluded);
    let data = index.folder(root.entry(1).child().unwrap());
    assert_eq!(data.tree, Some(id(2)));
    assert_eq!((root.stat, data.stat.map(|stat| stat.size)), (None, Some(4096)));
    assert_eq!((data.len(), data.entry(0).kind()), (2, Kind::Link));
    assert_eq!((root.has_large(), data.has_large(), data.entry(1).known().is_large), (false, true, true));
}

#[test]
fn an_index_of_an_earlier_version_is_taken_for_empty() {
    for bytes in [&include_bytes!("golden-v1.bin")[..], include_bytes!("golden-v2.bin")] {
        assert!(StatIndex::from_bytes(bytes.to_vec()).is_none());
    }
}

#[test]
fn a_folder_that_is_copied_says_the_same() {
    let index = StatIndex::from_bytes(sample().into_bytes()).unwrap();
    let mut copy = Builder::new((300, 0));
    copy.folder(Some(id(0xaa)), None);
    copy.copy(&index.folder(0), || Some((1, Some(id(2)))));
    copy.folder(index.folder(1).tree, index.folder(1).stat);
    copy.copy(&index.folder(1), || None);
    assert_eq!(copy.into_bytes(), sample().into_bytes());
}

#[test]
fn entries_are_found_by_name() {
    let index = StatIndex::from_bytes(sample().into_bytes()).unwrap();
    let root = index.folder(0);
    for name in ["a.txt", "data", "key"] {
        assert_eq!(root.find(name.as_bytes()).unwrap().name, name);
    }
    for name in ["", "a", "b", "z"] {
        assert!(root.find(name.as_bytes()).is_none());
    }
}

#[test]
fn another_version_is_not_read() {
    for version in [0u32, 1, 2, 4, 99] {
        let mut bytes = sample().into_bytes();
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        assert!(StatIndex::from_bytes(bytes).is_none(), "{version}");
    }
}

#[test]
fn an_entry_that_could_hide_a_change_matches_nothing() {
    for (mtime, ctime) in
        [((200, 0), (100, 0)), ((100, 0), (200, 0)), ((201, 0), (100, 0)), ((200, 1), (0, 0))]
    {
        let stat = Stat {
            mtime_s: mtime.0,
            mtime_ns: mtime.1,
            ctime_s: ctime.0,
            ctime_ns: ctime.1,
            ..Stat::default()
        };
        let mut builder = Builder::new((200, 0));
        builder.folder(None, Some(stat));
        builder.entry("a".into(), &Known { stat, ..known(Kind::File, 1) });
        let index = StatIndex::from_bytes(builder.into_bytes()).unwrap();
        assert_eq!(index.folder(0).entry(0).stat(), Stat::SMUDGED);
        assert_eq!(index.folder(0).stat, None);
    }
}

proptest! {
    #[test]
    fn damage_is_noticed(at in 0usize..500, flip in 1u8..=255) {
        let mut bytes = sample().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        prop_assert!(StatIndex::from_bytes(bytes).is_none());
    }

    #[test]
    fn numbers_that_lead_nowhere_are_noticed_even_under_a_sound_checksum(
        at in 12usize..500, value in any::<u32>()
    ) {
        let mut bytes = sample().into_bytes();
        let at = 12 + at % (bytes.len() - 16);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[12..]);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        if let Some(index) = StatIndex::from_bytes(bytes) {
            for number in 0..3 {
                let folder = index.folder(number);
                for n in 0..folder.len() {
                    let _ = (folder.entry(n).name, folder.entry(n).known());
                }
            }
        }
    }
}
