//! A batch request that fails when it is made again: what was done stays, what is lacking is told, and the next command goes on
//! from there.

use std::sync::atomic::AtomicBool;

use super::*;

/// Objects of the tests.
const OBJECTS: usize = 2;

/// The ways in which a batch request fails, and a part of what is told of it.
const FAILURES: [(Failure, &str); 4] = [
    (Failure::Answer(500, r#"{"message": "out of order"}"#), "out of order"),
    (Failure::Answer(403, r#"{"message": "no longer"}"#), "no longer"),
    (Failure::Answer(404, ""), "no Git LFS"),
    (Failure::Cut, "127.0.0.1"),
];

#[derive(Debug, Clone, Copy)]
enum Failure {
    Answer(u16, &'static str),
    /// The connection ends within the answer.
    Cut,
}

impl Failure {
    fn reply(self) -> Reply {
        match self {
            Self::Answer(status, body) => Reply::new(status, body),
            Self::Cut => Reply(200, Vec::new(), b"{\"transfer\": \"basic\"".to_vec(), 7),
        }
    }
}

fn content(number: usize) -> Vec<u8> {
    format!("object {number}").into_bytes()
}

fn pointer(number: usize) -> Pointer {
    large::hash(&mut &content(number)[..], &mut |_| {}).unwrap()
}

/// A server of Git LFS whose second batch request fails, once; transfers of `refused` objects fail until then.
fn failing_second(action: &'static str, failure: Failure, refused: Option<Pointer>) -> (String, Log) {
    let (batches, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    serve(move |own, got| {
        if got.line.contains("/objects/batch") {
            if batches.fetch_add(1, Ordering::Relaxed) == 1 {
                is_over.store(true, Ordering::Relaxed);
                return failure.reply();
            }
            return batch(got, &|oid| json!({action: {"href": format!("{own}/{oid}")}}));
        }
        let oid = got.line.split(['/', ' ']).find(|part| part.len() == 64).unwrap();
        if refused.is_some_and(|refused| refused.oid.to_string() == oid) && !is_over.load(Ordering::Relaxed) {
            return Reply::new(503, r#"{"message": "later"}"#);
        }
        let number = (0..OBJECTS).find(|number| pointer(*number).oid.to_string() == oid).unwrap();
        Reply::new(200, if action == "download" { content(number) } else { Vec::new() })
    })
}

#[test]
fn a_second_try_that_can_not_be_asked_for_tells_both_reasons() {
    for (failure, told) in FAILURES {
        let (bad, good) = (pointer(0), pointer(1));
        let (home, _) = failing_second("upload", failure, Some(bad));
        let (_folder, history) = history();
        let by = signature();
        owe(&history, &content(0));
        owe(&history, &content(1));
        let pushed = push(&history, &remote(&home), Context::quiet(&by)).unwrap();
        assert_eq!((pushed.files, pushed.left), (1, 1), "{failure:?}");
        assert_eq!(history.large_unpushed().unwrap(), [bad]);
        let why = history.large_error().unwrap();
        assert!(why.contains("later (HTTP 503") && why.contains(told), "{failure:?}: {why}");
        let pushed = push(&history, &remote(&home), Context::quiet(&by)).unwrap();
        assert_eq!((pushed.files, pushed.left, history.large_error()), (1, 0, None), "{failure:?}");

        let (home, _) = failing_second("download", failure, Some(bad));
        let (_folder, history) = self::history();
        let error = fetch(&history, &remote(&home), &[bad, good], Context::quiet(&by)).unwrap_err();
        let why = with_causes(&error);
        assert!(why.contains("later (HTTP 503") && why.contains(told), "{failure:?}: {why}");
        let store = history.large_files();
        assert_eq!((store.has(&bad), store.has(&good)), (false, true), "{failure:?}");
        fetch(&history, &remote(&home), &[bad, good], Context::quiet(&by)).unwrap();
        assert!(store.is_whole(&bad).unwrap(), "{failure:?}");
    }
}
