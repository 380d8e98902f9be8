//! Files that are too large are not read to be refused.

use super::*;

#[test]
fn a_file_that_is_too_large_is_refused_by_its_size_unless_the_last_snapshot_has_such_a_one() {
    let f = fixture();
    let limited = |limits| take(&f.history, &Request { limits, ..request() }, &Silent);
    let limits = Limits { file: 1000, total: 1000 };
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
