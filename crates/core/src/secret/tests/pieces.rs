//! Content that comes in pieces of any size is found to hold what it holds as a whole.

use proptest::prelude::*;

use super::{ALNUM, BASE32, BASE64, Finding, HEX, Scanner, all_in, pem, random_from, utf16};

fn secret(kind: usize, seed: u64) -> String {
    match kind {
        0 => format!("hf{}{}", "_", random_from(ALNUM, 34, seed)),
        1 => random_from(BASE32, 52, seed),
        2 => format!("{}AZ{}{}", random_from(ALNUM, 76, seed), "DO", random_from(ALNUM, 4, seed)),
        3 => pem("RSA PRIVATE KEY"),
        4 => format!("aws_secret_access_key = {}", random_from(BASE64, 40, seed)),
        5 => format!("postgres://app:{}@db/x", random_from(ALNUM, 20, seed)),
        6 => format!("machine api.wandb.ai login u password {}", random_from(HEX, 40, seed)),
        7 => format!("-----BEGIN {}-----\n{}", "PRIVATE KEY", random_from(BASE64, 9_000, seed)),
        _ => format!("{}.atlas{}{}", random_from(ALNUM, 14, seed), "v1.", random_from(ALNUM, 64, seed)),
    }
}

fn in_pieces(content: &[u8], sizes: &[usize]) -> Vec<Finding> {
    let mut scanner = Scanner::all();
    let (mut rest, mut sizes) = (content, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        scanner.feed(piece);
        rest = after;
    }
    sorted(scanner.finish())
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|found| (found.span.start, found.span.end, found.rule));
    findings
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_no_difference(
        parts in proptest::collection::vec((0_usize..9, 1_u64.., 0_usize..90_000, any::<bool>()), 1..6),
        sizes in proptest::collection::vec(1_usize..300_000, 1..6),
        is_small in any::<bool>(),
        encoding in 0_usize..4,
    ) {
        let mut text = String::new();
        for (kind, seed, filler, is_line) in parts {
            let line = if is_line { "a harmless line of text\n" } else { "a1 b2: c3, " };
            let filler = if is_small { filler % 700 } else { filler };
            text.extend(std::iter::repeat_n(line, filler / line.len() + 1));
            text.push_str(&secret(kind, seed));
            text.push('\n');
        }
        let content = match encoding {
            0 | 1 => text.clone().into_bytes(),
            _ => utf16(&text, encoding == 2, encoding == 3),
        };
        let sizes: Vec<usize> = sizes.iter().map(|size| if is_small { size % 97 + 1 } else { *size }).collect();
        let whole = sorted(all_in(&content));
        prop_assert!(!whole.is_empty());
        for found in &whole {
            let start = usize::try_from(found.span.start).unwrap();
            let before = &content[..start];
            let lines = memchr::memchr_iter(b'\n', before).count() as u64;
            prop_assert_eq!(found.line, lines + 1);
        }
        prop_assert_eq!(in_pieces(&content, &sizes), whole);
    }

    #[test]
    fn any_bytes_are_harmless(content in proptest::collection::vec(any::<u8>(), 0..3_000), size in 1_usize..200) {
        prop_assert_eq!(in_pieces(&content, &[size]), sorted(all_in(&content)));
    }
}
