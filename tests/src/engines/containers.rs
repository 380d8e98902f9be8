//! podman or docker on a machine, with images and containers of its own, and one small image.

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

/// A program that runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// podman, without a daemon.
    Podman,
    /// docker, with a daemon on the machine.
    Docker,
}

/// podman or docker, which goes with its machine.
#[derive(Debug)]
pub struct Containers<'h> {
    sandbox: &'h Sandbox,
    host: &'h Host<'h>,
    runtime: Runtime,
}

impl<'h> Containers<'h> {
    /// Makes podman ready on the machine, with [`Self::image`].
    pub fn podman(sandbox: &'h Sandbox, host: &'h Host<'h>) -> Self {
        Self::start(sandbox, host, Runtime::Podman)
    }

    /// Makes a runtime ready on the machine, with [`Self::image`].
    pub fn start(sandbox: &'h Sandbox, host: &'h Host<'h>, runtime: Runtime) -> Self {
        let containers = Self { sandbox, host, runtime };
        let dir = sandbox.dir(containers.name());
        match runtime {
            Runtime::Podman => configure_podman(&dir),
            Runtime::Docker => configure_docker(&dir),
        }
        image_files(&dir.join("image"));
        let up = match runtime {
            Runtime::Podman => PODMAN_UP,
            Runtime::Docker => DOCKER_UP,
        };
        let place = dir.display().to_string();
        let _up = host.sh(&up.replace("DIR", &place)).ok();
        containers.import(IMAGE, &format!("tar -C {place}/image -c ."));
        containers
    }

    /// The runtime's name, and that of its program.
    pub fn name(&self) -> &'static str {
        match self.runtime {
            Runtime::Podman => "podman",
            Runtime::Docker => "docker",
        }
    }

    /// The image's name: busybox, a user `me` and the folders that a system has.
    pub fn image(&self) -> &'static str {
        IMAGE
    }

    /// Makes an image of the tar archive that lines of shell write.
    pub fn import<'n>(&self, name: &'n str, archive: &str) -> &'n str {
        let _made = self.host.sh(&format!("{{ {archive}\n}} | {} import - {name}", self.name())).ok();
        name
    }

    /// Puts the runtime's program on the PATH of the sandbox's people.
    pub fn share(&self) {
        match self.runtime {
            Runtime::Podman => self.host.share("podman"),
            Runtime::Docker => {
                let socket = self.sandbox.path().join("docker/socket");
                let line =
                    format!("exec env DOCKER_HOST=unix://{} /usr/bin/docker \"$@\"\n", socket.display());
                self.sandbox.script("docker", &line);
            }
        }
    }
}

impl Drop for Containers<'_> {
    fn drop(&mut self) {
        // The kernel ends the processes anyway; the runtime removes their control groups too.
        let line = format!("{0} ps --all --quiet | xargs -r {0} rm --force", self.name());
        drop(self.host.command("sh").args(["-c", &line]).output());
    }
}

/// Lines of shell that make podman ready.
const PODMAN_UP: &str = "mount --bind DIR/etc /etc/containers";
/// Lines of shell that start docker's daemon, which the user of the machine reaches by a context. Another one of the computer
/// has its sockets in /run/containerd.
const DOCKER_UP: &str = "mkdir -p /run/containerd; mount -t tmpfs tmpfs /run/containerd
dockerd --config-file DIR/etc/daemon.json > DIR/log 2>&1 < /dev/null &
docker context create machine --docker host=unix://DIR/socket > /dev/null; docker context use machine > /dev/null
timeout 60 sh -c 'until docker version > /dev/null 2>&1; do sleep 0.1; done' || { cat DIR/log >&2; exit 1; }";

/// Writes podman's configuration into a folder.
fn configure_podman(dir: &Path) {
    // Debian's crun asks for more than a sandbox may give, and for one version of cgroups; runc does not.
    put(
        dir,
        "containers.conf",
        "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]\nnetns = \"host\"\n\
         [engine]\nruntime = \"runc\"\nevents_logger = \"file\"\ncgroup_manager = \"cgroupfs\"\n",
    );
    put(
        dir,
        "storage.conf",
        "[storage]\ndriver = \"overlay\"\ngraphroot = \"DIR/root\"\nrunroot = \"DIR/run\"\n",
    );
    put(dir, "policy.json", "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n");
    put(dir, "registries.conf", "unqualified-search-registries = []\n");
}

/// Writes the configuration of docker's daemon into a folder.
fn configure_docker(dir: &Path) {
    put(
        dir,
        "daemon.json",
        "{\"data-root\": \"DIR/root\", \"exec-root\": \"/run/containerd/docker\", \"pidfile\": \"DIR/pid\",\n\
         \"hosts\": [\"unix://DIR/socket\"], \"bridge\": \"none\", \"iptables\": false, \"ip6tables\": false}\n",
    );
}

/// Writes a file of the configuration.
fn put(dir: &Path, name: &str, text: &str) {
    let text = text.replace("DIR", &dir.display().to_string());
    let config = dir.join("etc");
    fs::create_dir_all(&config).expect("a folder is made");
    fs::write(config.join(name), text).expect("a file is written");
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
