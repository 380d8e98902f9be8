//! Zip files, written to memory: deflated entries, with the larger directory that more than 65 534 of them need.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::super::failure::Failure;

/// The largest archive: what the format's short fields hold.
const LARGEST: usize = u32::MAX as usize;
/// 1 January 1980, midnight, as the format writes it.
const DATE: u16 = 0x21;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const DEFLATED: u16 = 8;

/// An archive in the making.
#[derive(Debug, Default)]
pub(in crate::http) struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u64,
}

fn put(out: &mut Vec<u8>, fields: &[(u64, usize)]) {
    for (value, width) in fields {
        out.extend_from_slice(&value.to_le_bytes()[..*width]);
    }
}

impl Archive {
    /// Adds a file.
    pub(in crate::http) fn add(&mut self, name: &str, data: &[u8]) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::internal(&error);
        let mut crc = Crc::new();
        crc.update(data);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).map_err(failed)?;
        let packed = encoder.finish().map_err(failed)?;
        let name = name.get(..usize::from(u16::MAX).min(name.len())).unwrap_or("file");
        let start = self.bytes.len();
        if start + packed.len() + name.len() + 100 > LARGEST || data.len() > LARGEST {
            return Err(Failure::bad("That is too much for a zip file."));
        }
        let shared = [
            (u64::from(FLAGS), 2),
            (u64::from(DEFLATED), 2),
            (0, 2),
            (u64::from(DATE), 2),
            (u64::from(crc.sum()), 4),
            (packed.len() as u64, 4),
            (data.len() as u64, 4),
            (name.len() as u64, 2),
            (0, 2),
        ];
        put(&mut self.bytes, &[(0x0403_4b50, 4), (20, 2)]);
        put(&mut self.bytes, &shared);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(&packed);
        put(&mut self.directory, &[(0x0201_4b50, 4), (20, 2), (20, 2)]);
        put(&mut self.directory, &shared);
        put(&mut self.directory, &[(0, 2), (0, 2), (0, 2), (0, 4), (start as u64, 4)]);
        self.directory.extend_from_slice(name.as_bytes());
        self.entries += 1;
        Ok(())
    }

    /// The whole file.
    pub(in crate::http) fn finish(self) -> Result<Vec<u8>, Failure> {
        let Self { mut bytes, directory, entries } = self;
        let (start, size) = (bytes.len() as u64, directory.len() as u64);
        bytes.extend_from_slice(&directory);
        if bytes.len() > LARGEST {
            return Err(Failure::bad("That is too much for a zip file."));
        }
        let short = entries.min(0xffff);
        if entries >= 0xffff {
            let end = bytes.len() as u64;
            put(&mut bytes, &[(0x0606_4b50, 4), (44, 8), (45, 2), (45, 2), (0, 4), (0, 4)]);
            put(&mut bytes, &[(entries, 8), (entries, 8), (size, 8), (start, 8)]);
            put(&mut bytes, &[(0x0706_4b50, 4), (0, 4), (end, 8), (1, 4)]);
        }
        put(&mut bytes, &[(0x0605_4b50, 4), (0, 2), (0, 2), (short, 2), (short, 2)]);
        put(&mut bytes, &[(size, 4), (start, 4), (0, 2)]);
        Ok(bytes)
    }
}
