//! Locks: taken, listed in pages, and given back.

use serde_json::{Value, json};

use super::{EXTRA, Lfs, message, value};

async fn lock(lfs: &Lfs, token: &str, path: &str) -> super::Reply {
    lfs.json("POST", &format!("{EXTRA}/info/lfs/locks"), token, &json!({ "path": path })).await
}

async fn unlock(lfs: &Lfs, token: &str, id: &str, force: bool) -> super::Reply {
    let path = format!("{EXTRA}/info/lfs/locks/{id}/unlock");
    lfs.json("POST", &path, token, &json!({ "force": force })).await
}

fn id(reply: &super::Reply) -> String {
    value(reply)["lock"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_locked_once_and_unlocked_by_who_may() {
    let lfs = Lfs::new().await;
    let locked = lock(&lfs, "carolpat", "data/a.bin").await;
    assert_eq!(locked.status, 201, "{}", locked.text());
    let shown = value(&locked)["lock"].clone();
    assert_eq!((&shown["path"], &shown["owner"]["name"]), (&json!("data/a.bin"), &json!("carol")));
    assert!(shown["locked_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{shown}");
    let again = lock(&lfs, "alicepat", "data/a.bin").await;
    assert_eq!((again.status, value(&again)["lock"].clone()), (409, shown));
    assert!(message(&again).contains("carol"));

    let of_carol = id(&locked);
    let of_alice = id(&lock(&lfs, "alicepat", "b.bin").await);
    for (token, id, force, status) in [
        ("bobspat", &of_carol, true, 403),
        ("davespat", &of_carol, true, 404),
        ("carolpat", &of_alice, false, 403),
        ("carolpat", &of_alice, true, 403),
        ("alicepat", &of_carol, false, 403),
        ("alicepat", &"nothing".to_owned(), false, 404),
        ("alicepat", &of_carol, true, 200),
        ("alicepat", &of_carol, true, 404),
        ("alicepat", &of_alice, false, 200),
    ] {
        let reply = unlock(&lfs, token, id, force).await;
        assert_eq!(reply.status, status, "{token} {id} {force}: {}", reply.text());
    }
    assert_eq!(lock(&lfs, "carolpat", "b.bin").await.status, 201, "it is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_say_whose_locks_they_are() {
    let lfs = Lfs::new().await;
    for number in 0..5 {
        let token = if number % 2 == 0 { "carolpat" } else { "alicepat" };
        assert_eq!(lock(&lfs, token, &format!("{number}.bin")).await.status, 201);
    }
    let (mut cursor, mut paths, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let path = format!("{EXTRA}/info/lfs/locks?limit=2&cursor={cursor}");
        let answer = value(&lfs.json("GET", &path, "bobspat", &Value::Null).await);
        let locks = answer["locks"].as_array().expect("locks");
        paths.extend(locks.iter().map(|lock| lock["path"].as_str().expect("a path").to_owned()));
        pages += 1;
        match answer["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    paths.sort();
    assert_eq!((pages, paths), (3, (0..5).map(|number| format!("{number}.bin")).collect()));
    let one = lfs.json("GET", &format!("{EXTRA}/info/lfs/locks?path=3.bin"), "bobspat", &Value::Null).await;
    assert_eq!(value(&one)["locks"].as_array().map(Vec::len), Some(1));
    let verify = format!("{EXTRA}/info/lfs/locks/verify");
    let both =
        value(&lfs.json("POST", &verify, "carolpat", &json!({ "ref": { "name": "refs/heads/x" } })).await);
    let counts = ["ours", "theirs"].map(|key| both[key].as_array().map(Vec::len));
    assert_eq!(counts, [Some(3), Some(2)], "{both}");
    assert_eq!(lfs.json("POST", &verify, "bobspat", &json!({})).await.status, 403);
    let wrong = lfs.json("GET", &format!("{EXTRA}/info/lfs/locks?cursor=x"), "bobspat", &Value::Null).await;
    assert_eq!(wrong.status, 422);
}
