//! The codec against hostile bytes, and round trips of everything it can write.

use std::io::{Read, Write};

use proptest::prelude::*;

use super::*;

#[test]
fn special_lines_and_data_are_told_apart() {
    for (bytes, line, consumed) in [
        (&b"0000rest"[..], Line::Flush, 4),
        (b"0001", Line::Delimiter, 4),
        (b"0002", Line::ResponseEnd, 4),
        (b"0004", Line::Data(b""), 4),
        (b"0006a\nrest", Line::Data(b"a\n"), 6),
        (b"000Aabcdef", Line::Data(b"abcdef"), 10),
    ] {
        assert_eq!(decode(bytes), Ok(Decoded::Complete { line, consumed }), "{bytes:?}");
    }
}

#[test]
fn missing_bytes_are_counted() {
    for (bytes, needed) in [(&b""[..], 4), (b"00", 2), (b"0006", 2), (b"0009abc", 2)] {
        assert_eq!(decode(bytes), Ok(Decoded::Incomplete { needed }), "{bytes:?}");
    }
}

#[test]
fn lengths_that_no_line_has_are_refused() {
    for bytes in
        [&b"0003"[..], b"fff1", b"ffff", b"-001", b"+001", b"0x10", b"    ", b"PACK", b"\xff\xff\xff\xff"]
    {
        assert!(decode(bytes).is_err(), "{bytes:?}");
        let error = Reader::new(bytes).read_line().expect_err("refused by the reader too");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{bytes:?}");
    }
}

#[test]
fn the_longest_line_fits_and_one_byte_more_does_not() {
    let mut out = Vec::new();
    encode_data(&vec![b'x'; MAX_DATA], &mut out).expect("fits");
    assert_eq!((&out[..4], out.len()), (&b"fff0"[..], MAX_LINE));
    assert_eq!(encode_data(&vec![b'x'; MAX_DATA + 1], &mut out), Err(EncodeError(MAX_DATA + 1)));
    assert_eq!(encode_text(&vec![b'x'; MAX_DATA], &mut out), Err(EncodeError(MAX_DATA + 1)));
}

#[test]
fn a_cut_line_is_an_error_and_a_clean_end_is_not() {
    assert!(Reader::new(&b""[..]).read_line().expect("no error").is_none());
    for bytes in [&b"0"[..], b"0009ab"] {
        let error = Reader::new(bytes).read_line().expect_err("cut");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn the_error_band_ends_reading_with_the_peers_message() {
    let mut out = Multiplexer::large(Vec::new());
    out.write_all(b"PACK").expect("vec");
    out.error("out of memory\n").expect("vec");
    let bytes = out.finish().expect("vec");
    let mut data = Vec::new();
    let error = Demultiplexer::new(Reader::new(&bytes[..]), |_: &[u8]| {})
        .read_to_end(&mut data)
        .expect_err("given up");
    assert_eq!((data.as_slice(), error.to_string().as_str()), (&b"PACK"[..], "out of memory"));
    let unknown =
        Demultiplexer::new(Reader::new(&b"0006\x04x0000"[..]), |_: &[u8]| {}).read_to_end(&mut data);
    assert_eq!(unknown.expect_err("unknown band").kind(), std::io::ErrorKind::InvalidData);
}

proptest! {
    #[test]
    fn any_bytes_decode_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Decoded::Complete { consumed, .. }) = decode(&bytes) {
            prop_assert!(consumed <= bytes.len());
        }
    }

    #[test]
    fn data_survives_the_round_trip(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut out = Vec::new();
        encode_data(&data, &mut out).expect("fits");
        encode(Line::Flush, &mut out).expect("fits");
        let mut reader = Reader::new(&out[..]);
        prop_assert_eq!(reader.read_line().expect("line"), Some(Line::Data(&data)));
        prop_assert_eq!(reader.read_line().expect("line"), Some(Line::Flush));
        prop_assert_eq!(reader.read_line().expect("end"), None);
    }

    #[test]
    fn the_side_band_keeps_data_and_progress_apart(
        chunks in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..3000), "[a-z]{0,1500}"), 0..6),
        large: bool,
    ) {
        let mut mux = if large { Multiplexer::large(Vec::new()) } else { Multiplexer::small(Vec::new()) };
        let (mut data, mut text) = (Vec::new(), Vec::new());
        for (bytes, words) in &chunks {
            mux.write_all(bytes).expect("vec");
            mux.progress(words).expect("vec");
            data.extend_from_slice(bytes);
            text.extend_from_slice(words.as_bytes());
        }
        let bytes = mux.finish().expect("vec");
        let (mut got, mut progress) = (Vec::new(), Vec::new());
        Demultiplexer::new(Reader::new(&bytes[..]), |piece: &[u8]| progress.extend_from_slice(piece))
            .read_to_end(&mut got)
            .expect("well-formed");
        prop_assert_eq!(got, data);
        prop_assert_eq!(progress, text);
    }
}
