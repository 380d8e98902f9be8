//! podman on a machine, with images and containers of its own, and one small image.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::Host;
use super::host::executable;
use crate::Sandbox;

/// The image's name.
const IMAGE: &str = "localhost/tools:1";
/// A static busybox, Debian's (`cargo xtask e2e` installs it).
const BUSYBOX: &str = "/bin/busybox";
/// The commands of busybox that are in the image.
const COMMANDS: [&str; 16] = [
    "sh", "cat", "echo", "env", "id", "kill", "ls", "mkdir", "sleep", "test", "true", "touch", "dd", "tail",
    "hostname", "stat",
];

/// podman, which goes with its machine.
#[derive(Debug)]
pub struct Podman<'h> {
    host: &'h Host<'h>,
}

impl<'h> Podman<'h> {
    /// Makes podman ready on the machine, with [`Self::image`].
    pub fn start(sandbox: &Sandbox, host: &'h Host<'h>) -> Self {
        let dir = sandbox.dir("podman");
        let config = sandbox.dir("podman/etc");
        let place = dir.display();
        let put = |name: &str, text: &str| fs::write(config.join(name), text).expect("a file is written");
        // Debian's crun asks for more than a sandbox may give, and for one version of cgroups; runc does not.
        put(
            "containers.conf",
            "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]\nnetns = \"host\"\n\
             [engine]\nruntime = \"runc\"\nevents_logger = \"file\"\ncgroup_manager = \"cgroupfs\"\n",
        );
        put(
            "storage.conf",
            &format!(
                "[storage]\ndriver = \"overlay\"\ngraphroot = \"{place}/root\"\nrunroot = \"{place}/run\"\n"
            ),
        );
        put("policy.json", "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n");
        put("registries.conf", "unqualified-search-registries = []\n");
        image_files(&sandbox.dir("podman/image"));
        let podman = Self { host };
        let _up = host
            .sh(&format!(
                "mount --bind {place}/etc /etc/containers\n\
                 tar -C {place}/image -c . | podman import --quiet - {IMAGE}"
            ))
            .ok();
        podman
    }

    /// The image's name: busybox, a user `me` and the folders that a system has.
    pub fn image(&self) -> &'static str {
        IMAGE
    }

    /// Makes an image of the tar archive that lines of shell write.
    pub fn import<'n>(&self, name: &'n str, archive: &str) -> &'n str {
        let _made = self.host.sh(&format!("{{ {archive}\n}} | podman import --quiet - {name}")).ok();
        name
    }

    /// Puts podman on the PATH of the sandbox's people.
    pub fn share(&self) {
        self.host.share("podman");
    }
}

impl Drop for Podman<'_> {
    fn drop(&mut self) {
        // The kernel ends the processes anyway; podman removes their control groups too.
        drop(self.host.command("podman").args(["rm", "--all", "--force", "--time", "0"]).output());
    }
}

/// The files of the image.
fn image_files(image: &Path) {
    let bin = image.join("bin");
    for folder in ["bin", "tmp", "etc"] {
        fs::create_dir_all(image.join(folder)).expect("a folder is made");
    }
    fs::copy(BUSYBOX, bin.join("busybox"))
        .unwrap_or_else(|error| panic!("{BUSYBOX}: {error} (`cargo xtask e2e` installs it)"));
    for name in COMMANDS {
        symlink("busybox", bin.join(name)).expect("a link in a new folder");
    }
    fs::write(image.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").expect("a file is written");
    // Not executable by its name: a program that the image can't start.
    executable(&bin.join("broken"), "#!/no/such/interpreter\n");
}
