//! go-git, which lists no capability `multi_ack`: Azure DevOps answers 400, and so do the profiles of the service.

/// Compiling it takes a minute.
mod heavy {
    use std::process::Command;

    use crate::site::{Site, cache};

    /// Debian's package of the library.
    const SOURCES: &str = "/usr/share/gocode";

    /// Builds the program in a workspace of its own: Debian's sources are of the time before modules.
    fn build(site: &Site) -> String {
        let workspace = site.dir.path().join("go");
        let folder = workspace.join("src/cloning");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("main.go"), include_str!("go_git.go")).expect("a program");
        std::fs::write(folder.join("go.mod"), "module cloning\n\ngo 1.19\n").expect("a module");
        let program = site.dir.path().join("cloning");
        let output = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(&folder)
            .env("GOPATH", format!("{}:{SOURCES}", workspace.display()))
            .env("GO111MODULE", "off")
            .env("GOCACHE", cache().join("go-build"))
            .output()
            .expect("go starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        program.display().to_string()
    }

    #[test]
    fn it_is_refused_where_the_service_refuses_it() {
        let site = Site::new();
        let line = format!("{} https://dev.azure.com/acme/iris/_git/extra", build(&site));
        for (profile, expected) in [
            ("permissive", "go-git cloned "),
            ("vsts", "status code: 400"),
            ("azure-devops", "status code: 400"),
        ] {
            let said = Site::new().succeed(profile, &[], &line, &[]);
            assert!(said.contains(expected), "{profile}: {said}");
        }
    }
}
