//! Machines and engines beyond the computer of a test: a host with its own network, OpenSSH, Slurm and podman on it.
//!
//! All of it lives in namespaces of the kernel that end with the test, also if the test is killed.

mod host;
mod podman;
mod ray;
mod slurm;

pub use host::{End, Host, until};
pub use podman::Podman;
pub use ray::{ADDRESS as RAY, Ray};
pub use slurm::Slurm;
