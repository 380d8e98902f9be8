//! Selects the objects that a partial clone leaves out. Filters combine into one: an object has to pass each.

use gix::objs::Kind;

/// Leaves out objects that aren't asked for by name. The default leaves out nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// File contents of so many bytes or more.
    blobs_from: Option<u64>,
    /// Folders and file contents so deep or deeper; a commit's own tree has depth 0.
    depth: Option<u64>,
    /// Objects of another kind.
    kind: Option<OnlyKind>,
}

/// The kinds that are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnlyKind {
    One(Kind),
    /// Two different ones were asked for at once.
    None,
}

impl Filter {
    /// Leaves out all file contents.
    pub const BLOBS: Self = Self::blobs_from(0);
    /// Leaves out all folders and file contents.
    pub const TREES: Self = Self::depth(0);

    /// Leaves out file contents of `size` bytes or more.
    pub const fn blobs_from(size: u64) -> Self {
        Self { blobs_from: Some(size), depth: None, kind: None }
    }

    /// Leaves out folders and file contents at `depth` or deeper, where a commit's own tree has depth 0.
    pub const fn depth(depth: u64) -> Self {
        Self { blobs_from: None, depth: Some(depth), kind: None }
    }

    /// Leaves out all objects but those of `kind`.
    pub const fn only(kind: Kind) -> Self {
        Self { blobs_from: None, depth: None, kind: Some(OnlyKind::One(kind)) }
    }

    /// Leaves out what either leaves out.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let least = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, None) | (None, one) => one,
        };
        Self {
            blobs_from: least(self.blobs_from, other.blobs_from),
            depth: least(self.depth, other.depth),
            kind: match (self.kind, other.kind) {
                (Some(a), Some(b)) if a != b => Some(OnlyKind::None),
                (one, None) | (_, one) => one,
            },
        }
    }

    /// Returns whether nothing is left out.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether objects of `kind` can get through at all.
    pub(super) fn lets(&self, kind: Kind) -> bool {
        match self.kind {
            None => {}
            Some(OnlyKind::One(only)) if only == kind => {}
            Some(_) => return false,
        }
        match kind {
            // Directly below a folder that is asked for by name, depth 0 is that of a file.
            Kind::Blob => self.blobs_from != Some(0) && self.depth != Some(0),
            Kind::Tree => self.depth != Some(0),
            Kind::Commit | Kind::Tag => true,
        }
    }

    /// Returns whether something at `depth` isn't too deep.
    pub(super) fn reaches(&self, depth: u64) -> bool {
        self.depth.is_none_or(|limit| depth < limit)
    }

    /// Returns whether an object's depth matters: then an object that is met again less deep may get through.
    pub(super) fn minds_depth(&self) -> bool {
        self.depth.is_some()
    }

    /// From how many bytes on file contents are left out, if their size matters.
    pub(super) fn size_limit(&self) -> Option<u64> {
        self.blobs_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_combine_to_what_passes_both() {
        let both = Filter::blobs_from(100).and(Filter::depth(3)).and(Filter::blobs_from(7));
        assert_eq!((both.size_limit(), both.minds_depth()), (Some(7), true));
        assert!(both.reaches(2) && !both.reaches(3) && both.lets(Kind::Blob) && both.lets(Kind::Commit));
        assert_eq!(Filter::default().and(Filter::TREES), Filter::TREES);
        let blobs = Filter::only(Kind::Blob);
        assert_eq!(blobs.and(blobs), blobs);
        assert!(blobs.lets(Kind::Blob) && !blobs.lets(Kind::Commit) && !blobs.lets(Kind::Tree));
        let none = blobs.and(Filter::only(Kind::Tree));
        assert!(!none.lets(Kind::Blob) && !none.lets(Kind::Tree) && !none.and(blobs).lets(Kind::Blob));
        assert!(!Filter::BLOBS.lets(Kind::Blob) && Filter::BLOBS.lets(Kind::Tree));
        assert!(!Filter::TREES.lets(Kind::Blob) && Filter::depth(1).lets(Kind::Tree));
        assert!(Filter::default().is_nothing() && !Filter::BLOBS.is_nothing());
    }
}
