//! Writes moments and durations as Python's `datetime` writes them, which the Workbench used.

use jiff::{SignedDuration, Timestamp, tz::Offset};

/// `2017-09-08T00:58:03.059014+00:00`: ISO 8601 with microseconds.
pub fn moment(at: Timestamp) -> String {
    format!("{:.6}", at.display_with_offset(Offset::UTC))
}

/// `0:00:04.892389`: hours, minutes, seconds with microseconds.
pub fn duration(length: SignedDuration) -> String {
    let sign = if length.is_negative() { "-" } else { "" };
    let micros = length.as_micros().unsigned_abs();
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    format!("{sign}{hours}:{minutes:02}:{seconds:02}.{micros:06}")
}

/// The moment without what is finer than a microsecond: what is stored is what is held.
pub(super) fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_nanosecond().div_euclid(1_000).try_into().unwrap_or(i64::MAX))
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_durations_read_as_the_workbench_wrote_them() {
        let start: Timestamp = "2017-09-08T00:58:03.059014999Z".parse().unwrap();
        assert_eq!(moment(start), "2017-09-08T00:58:03.059014+00:00");
        assert_eq!(moment(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(
            moment("1969-12-31T23:59:59.9999999Z".parse().unwrap()),
            "1969-12-31T23:59:59.999999+00:00"
        );
        assert_eq!(moment(start).parse::<Timestamp>().unwrap(), to_micros(start));
        assert_eq!(duration(SignedDuration::from_micros(4_892_389)), "0:00:04.892389");
        assert_eq!(duration(SignedDuration::from_secs(100 * 3600 + 61)), "100:01:01.000000");
        assert_eq!(duration(SignedDuration::from_secs(-1)), "-0:00:01.000000");
    }
}
