//! Reading a commit-graph file: ids, trees, parents, times, generation numbers and changed-path filters
//! (Documentation/gitformat-commit-graph, version 1).
//!
//! A file is checked once, when it is read: its checksum, the bounds of every chunk, that each parent exists and comes
//! before its child. What does not pass is as good as none.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use gix::ObjectId;
use sha1::{Digest as _, Sha1};

use super::bloom::Settings;
use crate::limits::MAX_COMMIT_GRAPH_BYTES;

/// "No parent" in a commit's data.
pub(crate) const NO_PARENT: u32 = 0x7000_0000;
/// Marks the place of further parents, the last of them, and a date that does not fit.
pub(crate) const MARK: u32 = 0x8000_0000;
/// Bytes of an id, of a commit's data, of an entry of the table of chunks, and of the whole header.
pub(crate) const ID: usize = 20;
pub(crate) const DATA: usize = ID + 16;
const ENTRY: usize = 12;
const HEADER: usize = 8;
const FAN_OUT: usize = 256 * 4;

/// A commit-graph in memory.
pub struct Graph {
    bytes: Vec<u8>,
    count: u32,
    fan_out: usize,
    ids: usize,
    data: usize,
    edges: Range<usize>,
    /// Offsets of corrected commit dates, and the offsets that do not fit there.
    dates: Option<(usize, Range<usize>)>,
    filters: Option<Filters>,
}

/// The changed-path filters and the index of their ends.
struct Filters {
    settings: Settings,
    index: usize,
    data: Range<usize>,
}

impl Graph {
    /// Reads the file at `path`; `None` if there is none that is sound.
    pub fn open(path: &Path) -> Option<Self> {
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(MAX_COMMIT_GRAPH_BYTES + 1).read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 > MAX_COMMIT_GRAPH_BYTES {
            return None;
        }
        Self::parse(bytes)
    }

    /// Takes a file apart; `None` if it is not sound. Layers of a split graph are no graph by themselves.
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        let body = bytes.len().checked_sub(ID)?;
        if bytes.get(..6)? != b"CGPH\x01\x01" || *bytes.get(7)? != 0 {
            return None;
        }
        let chunks = usize::from(bytes[6]);
        let mut table = HEADER;
        let mut known: [Option<Range<usize>>; 8] = Default::default();
        const NAMES: [&[u8; 4]; 8] = [b"OIDF", b"OIDL", b"CDAT", b"EDGE", b"GDA2", b"GDO2", b"BIDX", b"BDAT"];
        let offset = |table: usize| -> Option<usize> {
            let offset = u64::from_be_bytes(bytes.get(table + 4..table + ENTRY)?.try_into().ok()?);
            usize::try_from(offset).ok()
        };
        for _ in 0..chunks {
            let (start, end) = (offset(table)?, offset(table + ENTRY)?);
            if start < HEADER + (chunks + 1) * ENTRY || start > end || end > body {
                return None;
            }
            if let Some(place) = NAMES.iter().position(|name| bytes[table..table + 4] == **name)
                && known[place].replace(start..end).is_some()
            {
                return None;
            }
            table += ENTRY;
        }
        if bytes.get(table..table + 4)? != [0; 4] || Sha1::digest(&bytes[..body])[..] != bytes[body..] {
            return None;
        }
        let [fan_out, ids, data, edges, dates, late, index, filters] = known;
        let (fan_out, ids, data) = (fan_out?, ids?, data?);
        let count = ids.len() / ID;
        if fan_out.len() != FAN_OUT || ids.len() != count * ID || data.len() != count * DATA {
            return None;
        }
        let count = u32::try_from(count).ok().filter(|count| *count < NO_PARENT)?;
        let has_one_each = |chunk: &Range<usize>| chunk.len() == count as usize * 4;
        let dates = dates.filter(has_one_each).map(|dates| (dates.start, late.unwrap_or_default()));
        let filters = match (index.filter(has_one_each), filters) {
            (Some(index), Some(data)) => {
                let settings = bytes[data.clone()].get(..Settings::LENGTH).and_then(Settings::read);
                let start = data.start + Settings::LENGTH;
                settings.map(|settings| Filters { settings, index: index.start, data: start..data.end })
            }
            _ => None,
        };
        let mut graph = Self {
            bytes,
            count,
            fan_out: fan_out.start,
            ids: ids.start,
            data: data.start,
            edges: edges.unwrap_or_default(),
            dates,
            filters,
        };
        if !graph.is_sound() {
            return None;
        }
        if !graph.are_filters_sound() {
            graph.filters = None;
        }
        Some(graph)
    }

    /// Returns whether all that the accessors rely on holds.
    fn is_sound(&self) -> bool {
        let mut before = 0;
        for byte in 0..256 {
            let up_to = self.number(self.fan_out + byte * 4);
            if up_to < before || up_to > self.count {
                return false;
            }
            for place in before..up_to {
                let id = self.id_bytes(place);
                if usize::from(id[0]) != byte || place > 0 && self.id_bytes(place - 1) >= id {
                    return false;
                }
            }
            before = up_to;
        }
        if before != self.count {
            return false;
        }
        let mut parents = Vec::new();
        // No two commits share a list of further parents: all of them together are no longer than the chunk.
        let mut edges = self.edges.len() / 4;
        (0..self.count).all(|place| {
            parents.clear();
            if self.try_parents(place, edges, &mut parents).is_none() {
                return false;
            }
            edges -= if parents.len() > 2 { parents.len() - 1 } else { 0 };
            self.try_rank(place).is_some_and(|rank| {
                parents.iter().all(|parent| {
                    *parent < self.count && self.try_rank(*parent).is_some_and(|before| before < rank)
                })
            })
        })
    }

    fn are_filters_sound(&self) -> bool {
        let Some(filters) = &self.filters else { return true };
        let mut before = 0;
        (0..self.count).all(|place| {
            let end = self.number(filters.index + place as usize * 4);
            let is_sound = before <= end && end as usize <= filters.data.len();
            before = end;
            is_sound
        })
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn id_bytes(&self, place: u32) -> &[u8] {
        let at = self.ids + place as usize * ID;
        &self.bytes[at..at + ID]
    }

    fn data(&self, place: u32) -> &[u8] {
        let at = self.data + place as usize * DATA;
        &self.bytes[at..at + DATA]
    }

    fn data_number(&self, place: u32, at: usize) -> u32 {
        self.number(self.data + place as usize * DATA + at)
    }

    /// Returns the number of commits. Each has a place below that number.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// True if there is no commit.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of memory that it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The place of a commit.
    pub fn find(&self, id: &gix::oid) -> Option<u32> {
        let wanted = id.as_bytes();
        let first = usize::from(*wanted.first()?);
        let mut low = if first == 0 { 0 } else { self.number(self.fan_out + (first - 1) * 4) };
        let mut high = self.number(self.fan_out + first * 4);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id_bytes(middle).cmp(wanted) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The id of the commit at a place.
    pub fn id(&self, place: u32) -> ObjectId {
        ObjectId::from_bytes_or_panic(self.id_bytes(place))
    }

    /// The tree of the commit at a place.
    pub fn tree(&self, place: u32) -> ObjectId {
        ObjectId::from_bytes_or_panic(&self.data(place)[..ID])
    }

    /// Seconds since the epoch.
    pub fn time(&self, place: u32) -> i64 {
        i64::from(self.data_number(place, 28) & 3) << 32 | i64::from(self.data_number(place, 32))
    }

    /// The topological level: one more than the highest of the parents'.
    pub(crate) fn level(&self, place: u32) -> u32 {
        self.data_number(place, 28) >> 2
    }

    /// A number that is higher than that of every parent: the corrected commit date, or the topological level where there are none.
    pub fn rank(&self, place: u32) -> u64 {
        self.try_rank(place).expect("checked when it was read")
    }

    /// True if ranks are corrected commit dates.
    pub(crate) fn has_dates(&self) -> bool {
        self.dates.is_some()
    }

    fn try_rank(&self, place: u32) -> Option<u64> {
        let Some((dates, late)) = &self.dates else { return Some(u64::from(self.level(place))) };
        let offset = self.number(dates + place as usize * 4);
        let offset = if offset & MARK == 0 {
            u64::from(offset)
        } else {
            let at = (offset & !MARK) as usize * 8;
            u64::from_be_bytes(self.bytes[late.clone()].get(at..at + 8)?.try_into().ok()?)
        };
        offset.checked_add(u64::try_from(self.time(place)).ok()?)
    }

    /// Puts the places of a commit's parents into `parents`, which is empty.
    pub fn parents(&self, place: u32, parents: &mut Vec<u32>) {
        self.try_parents(place, usize::MAX, parents).expect("checked when it was read");
    }

    fn try_parents(&self, place: u32, most_edges: usize, parents: &mut Vec<u32>) -> Option<()> {
        let (first, second) = (self.data_number(place, 20), self.data_number(place, 24));
        if first != NO_PARENT {
            parents.push(first);
        }
        if second & MARK == 0 {
            if second != NO_PARENT {
                parents.push(second);
            }
            return Some(());
        }
        let edges = self.bytes[self.edges.clone()].get((second & !MARK) as usize * 4..)?;
        for edge in edges.chunks_exact(4).take(most_edges) {
            let edge = u32::from_be_bytes(edge.try_into().ok()?);
            parents.push(edge & !MARK);
            if edge & MARK != 0 {
                return Some(());
            }
        }
        None
    }

    /// Returns the settings of the filters, if there are any.
    pub(crate) fn filter_settings(&self) -> Option<Settings> {
        self.filters.as_ref().map(|filters| filters.settings)
    }

    /// The filter of the paths that a commit changed against its first parent; empty if none was computed.
    pub(crate) fn filter(&self, place: u32) -> &[u8] {
        let Some(filters) = &self.filters else { return &[] };
        let end = |place: u32| self.number(filters.index + place as usize * 4) as usize;
        let start = if place == 0 { 0 } else { end(place - 1) };
        &self.bytes[filters.data.clone()][start..end(place)]
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("commits", &self.count).finish_non_exhaustive()
    }
}
