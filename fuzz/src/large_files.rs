//! The parsers of Git LFS that are fuzzed: pointer files, batch requests, lines over SSH. The normal tests of `lfs-wire` include
//! this file and run every seed through it.

use lfs_wire::Pointer;
use lfs_wire::batch::Request;
use lfs_wire::command::{self, Command};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 3] =
    [("lfs_pointer", lfs_pointer), ("lfs_batch", lfs_batch), ("lfs_command", lfs_command)];

/// A pointer file: what is read prints in the one canonical form, which reads the same.
pub fn lfs_pointer(data: &[u8]) {
    let Some(pointer) = Pointer::parse(data) else { return };
    let printed = pointer.to_string();
    assert_eq!(Pointer::parse_canonical(printed.as_bytes()), Some(pointer));
    assert_eq!(Pointer::parse_canonical(data).is_some(), data == printed.as_bytes());
}

/// A batch request: what is read is written so that it reads the same, and no id leads out of a store.
pub fn lfs_batch(data: &[u8]) {
    let Ok(request) = Request::parse(data) else { return };
    let written = serde_json::to_vec(&request).expect("a request is JSON");
    assert_eq!(Request::parse(&written).expect("what was written is read"), request);
    for (oid, size) in request.objects.iter().filter_map(|asked| asked.checked().ok()) {
        assert!(i64::try_from(size).is_ok());
        assert!(oid.store_path().split('/').all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}

/// The lines of a conversation over SSH, one in each line.
pub fn lfs_command(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(Command::Unlock(id) | Command::Version(id)) = Command::parse(line) {
            assert!(!id.is_empty() && !id.contains(char::is_control));
        }
        if let Ok((key, _)) = command::argument(line) {
            assert!(!key.contains('='));
        }
        if let Ok((oid, size)) = command::batch_line(line) {
            assert!(!oid.contains(' ') && !size.contains(' '));
        }
    }
}
