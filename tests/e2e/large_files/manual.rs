//! Every line of shell of the page about large files, beside its console session (`readme`).

use std::collections::BTreeSet;

use e2e::folder::{noise, write};
use e2e::{Sandbox, contents, git};

/// The commands in the page's text, and the lines that try them. `RUN`, `REMOTE` and `STORE` stand for those of the test.
const COMMANDS: [(&str, &str); 15] = [
    ("azml config set large_file 200MB", "azml config set large_file 200MB"),
    ("azml config set large_limit 50GB", "azml config set large_limit 50GB"),
    ("azml project create", "azml project create -n other --path .. -o none"),
    ("azml run", "azml run --no-large -- true"),
    ("azml experiment submit", "azml experiment submit --no-large -c local train.py"),
    ("azml project show --query large_files.unpushed", "azml project show --query large_files.unpushed"),
    ("azml project fsck", "azml project fsck"),
    ("azml project clone", "azml project clone --no-large REMOTE ../small"),
    ("azml snapshot restore", "azml snapshot restore --no-large HEAD"),
    ("azml history sync --large", "azml history sync --large"),
    ("azml history download --no-large", "azml history download --no-large -r RUN"),
    ("azml history download", "azml history download -r RUN -d ../all"),
    ("azml history info -a", "azml history info -a outputs/model.pt -r RUN > /dev/null"),
    ("azml project restore", "azml project restore --no-large --run-id RUN"),
    (
        "git --git-dir .azuremlhistory_git config lfs.url URL",
        "git --git-dir .azuremlhistory_git config lfs.url STORE && azml history sync",
    ),
];

/// The page's text, and its blocks of shell.
fn parts(page: &str) -> (String, Vec<String>) {
    let (mut text, mut blocks) = (String::new(), Vec::new());
    for (at, part) in page.split("```").enumerate() {
        match part.strip_prefix("sh\n") {
            Some(block) if at % 2 == 1 => {
                blocks.push(block.lines().flat_map(|line| [line.trim(), "\n"]).collect());
            }
            _ if at % 2 == 0 => text += part,
            _ => {}
        }
    }
    (text, blocks)
}

#[test]
fn every_line_of_the_page_works() {
    let page =
        std::fs::read_to_string(e2e::binaries::workspace().join("docs/large-files.md")).expect("the page");
    let (text, blocks) = parts(&page);
    let codes =
        text.split('`').skip(1).step_by(2).map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "));
    let named: BTreeSet<String> =
        codes.filter(|code| code.starts_with("azml ") || code.starts_with("git ")).collect();
    let tried: BTreeSet<String> = COMMANDS.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(named, tried);

    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice").with_env("AZML_LARGE_FILE", "100kB");
    let (remote, store) = (sandbox.bare_repo("remote.git"), sandbox.bare_repo("store.git"));
    let remote = remote.to_str().expect("UTF-8");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", remote);
    write(&project, "data/big.bin", noise(1, 300_000));
    let submit = ["experiment", "submit", "--attachments-limit", "100kB", "-c", "local", "train.py"];
    write(
        &project,
        "train.py",
        "import os\nos.makedirs('outputs', exist_ok=True)\nopen('outputs/model.pt', 'wb').write(bytes(300_000))\n",
    );
    let run = alice.azml(&project, &submit).ok().run_id();
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let before = contents(&project);

    let [clone, prune] = blocks.as_slice() else { panic!("two blocks: {blocks:?}") };
    let clone =
        clone.replace("/srv/iris.git", remote).replace("AzureMLHistory/ID", &git::history_branch(&project));
    let there = sandbox.dir("there");
    let _cloned = alice.sh(&there, &clone).ok();
    contents(&there.join("iris")).assert_same(&before, "the clone of the page");

    for n in 2..=7 {
        write(&project, "data/big.bin", noise(n, 300_000));
        let _taken = alice.azml(&project, &["snapshot"]).ok();
    }
    let count = || e2e::folder::everything(&git::history_of(&project).join("lfs/objects")).len();
    let all = count();
    let pruned = alice.sh(&project, prune).ok();
    assert!(count() < all && count() >= 5, "{all} {} {pruned}", count());

    for (_, line) in COMMANDS {
        let line = line
            .replace("RUN", &run)
            .replace("REMOTE", remote)
            .replace("STORE", &format!("file://{}", store.display()));
        let _done = alice.sh(&project, &line).ok();
    }
    let pointer = std::fs::read_to_string(sandbox.dir("work").join("small/data/big.bin")).expect("a text");
    assert!(pointer.starts_with("version https://git-lfs.github.com/spec/v1\n"), "{pointer}");
}
