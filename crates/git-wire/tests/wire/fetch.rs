//! Clones and fetches.

use std::fs;

use crate::sandbox::{Sandbox, WAYS, fsck, git};

#[test]
fn clones_are_complete_in_every_way() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    sandbox.commit(&work, "deep/er/file", "content\n");
    git(&work, &["tag", "-a", "v1", "-m", "one"]);
    git(&work, &["tag", "light"]);
    git(&work, &["branch", "topic"]);
    git(&work, &["push", "-q", "origin", "--all"]);
    git(&work, &["push", "-q", "origin", "--tags"]);
    for repack in [false, true] {
        if repack {
            git(&sandbox.path("origin.git"), &["repack", "-adq"]);
            git(&sandbox.path("origin.git"), &["pack-refs", "--all"]);
        }
        for (scheme, version) in WAYS {
            let clone = format!("clone-{scheme}-{version}-{repack}");
            let protocol = format!("protocol.version={version}");
            let root = sandbox.path("");
            git(&root, &["-c", &protocol, "clone", "-q", &sandbox.url(scheme, "origin.git"), &clone]);
            let clone = sandbox.path(&clone);
            fsck(&clone);
            let refs =
                ["for-each-ref", "--format=%(objectname) %(refname:lstrip=3)", "refs/remotes/origin/main"];
            assert!(git(&clone, &refs).starts_with(&git(&work, &["rev-parse", "main"])));
            assert_eq!(
                git(&clone, &["rev-parse", "v1^{}", "light"]),
                git(&work, &["rev-parse", "v1^{}", "light"])
            );
            assert_eq!(git(&clone, &["symbolic-ref", "HEAD"]), "refs/heads/main");
            assert_eq!(fs::read_to_string(clone.join("deep/er/file")).expect("checked out"), "content\n");
        }
    }
}
