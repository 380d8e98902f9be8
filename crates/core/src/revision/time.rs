//! Times as names of snapshots: `2 hours ago`, `yesterday`, `2026-11-28 10:00`.

use jiff::{Timestamp, civil, fmt::strtime, tz::TimeZone};

/// The present, and the time zone.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The present.
    pub now: Timestamp,
    /// The zone of times that name none.
    pub zone: TimeZone,
}

impl Clock {
    /// The time that a text means, in seconds since 1970.
    ///
    /// A date alone is that day at the present time of day, as in Git.
    pub(super) fn parse(&self, text: &str) -> Option<i64> {
        let text = text.trim();
        // A number is the beginning of an id.
        if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let now = self.now.to_zoned(self.zone.clone());
        let local = |at: civil::DateTime| Some(at.to_zoned(self.zone.clone()).ok()?.timestamp().as_second());
        for format in ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"] {
            if let Ok(at) = strtime::parse(format, text).and_then(|parts| parts.to_datetime()) {
                return local(at);
            }
        }
        if let Ok(day) = strtime::parse("%Y-%m-%d", text).and_then(|parts| parts.to_date()) {
            return local(day.to_datetime(now.time()));
        }
        gix::date::parse(text, Some(now)).ok().map(|time| time.seconds)
    }
}
