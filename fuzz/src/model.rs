//! The parsers of the snapshot model that are fuzzed: records that another computer wrote, URLs that somebody typed, the stat index.
//! The normal tests of `azml-core` include this file and run every seed through it.

use azml_core::remote_url::RemoteUrl;
use azml_core::run::RunRecord;
use azml_core::secret::{self, Scanner};
use azml_core::stat_index::StatIndex;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 4] = [
    ("run_record", run_record),
    ("remote_url", remote_url),
    ("stat_index", stat_index),
    ("secrets", secrets),
];

/// A run record: one that is read is written so that it reads the same, and can be shown.
pub fn run_record(data: &[u8]) {
    let Ok(record) = RunRecord::from_stored(data) else { return };
    let again = RunRecord::from_stored(&record.to_stored()).expect("what was written is read");
    // Times are kept to the microsecond.
    assert_eq!(again.to_stored(), record.to_stored());
    let shown = record.to_output();
    assert!(shown.contains_key("run_id"));
    drop((record.duration(), record.commit_id(), record.submitted_as()));
}

/// A remote's URL: it reads the same again, and never shows its password when that is not asked for.
pub fn remote_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(url) = RemoteUrl::parse(text) else { return };
    assert!(!url.as_str().starts_with('-'), "an option for some program: {url}");
    assert!(!url.as_str().chars().any(char::is_control), "{:?}", url.as_str());
    let again = RemoteUrl::parse(url.as_str()).expect("a URL reads again");
    assert_eq!((again.scheme(), again.host(), again.port()), (url.scheme(), url.host(), url.port()));
    let plain = url.without_secret();
    if let Some(password) = url.userinfo().and_then(|info| info.password.as_deref())
        && password.len() > 8
    {
        assert!(
            plain.userinfo().is_none_or(|info| info.password.is_none()),
            "the password is still in {}",
            plain.as_str()
        );
    }
    drop((url.local_path(), url.to_string()));
}

/// The stat index: a damaged one is no index, and one that is taken can be walked to its end.
pub fn stat_index(data: &[u8]) {
    // The checksum would keep all but the seeds out: it is put right, as an attacker would.
    let mut bytes = data.to_vec();
    if bytes.len() > 12 {
        let sum = crc32fast::hash(&bytes[12..]);
        bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    }
    let Some(index) = StatIndex::from_bytes(bytes) else { return };
    let (mut ahead, mut seen) = (vec![index.root()], std::collections::HashSet::new());
    while let Some(number) = ahead.pop() {
        if !seen.insert(number) {
            continue;
        }
        let folder = index.folder(number);
        for entry in (0..folder.len()).map(|n| folder.entry(n)) {
            let known = entry.known();
            drop((entry.name.to_owned(), known.stat, known.id));
            ahead.extend(known.child);
        }
    }
}

/// Content that may hold secrets: it comes in pieces of the first byte's size, and is found to hold what it holds as a whole. Its
/// lines are the words of a command, of which none keeps what is masked.
pub fn secrets(data: &[u8]) {
    let Some((size, content)) = data.split_first() else { return };
    let sorted = |mut found: Vec<secret::Finding>| {
        found.sort_by_key(|found| (found.span.start, found.span.end, found.rule));
        found
    };
    let mut scanner = Scanner::all();
    content.chunks(usize::from(*size) + 1).for_each(|piece| scanner.feed(piece));
    scanner.end();
    let mut masked = Vec::new();
    secret::redacted(content, &mut masked, &scanner).expect("memory takes it");
    assert!(scanner.has_found() || masked == content);
    let whole = sorted(secret::all_in(content));
    assert_eq!(whole.is_empty(), secret::first_in(content).is_none());
    assert!(whole.iter().all(|found| found.span.end <= content.len() as u64 + 1));
    if !scanner.has_overflowed() {
        assert_eq!(sorted(scanner.finish()), whole);
    }
    let settings = secret::first_in_file_of(b"x.runconfig", content);
    assert!(settings.is_some() || whole.is_empty());
    assert_eq!(secret::of_name(content).is_some(), secret::of_name(&[b"a/", content].concat()).is_some());
    let Ok(text) = std::str::from_utf8(content) else { return };
    let words: Vec<String> = text.lines().map(str::to_owned).collect();
    let done = secret::arguments(&words, &|_| false);
    assert_eq!(done.words.len(), words.len());
    assert!(!done.masked.is_empty() || done.words == words);
}
