//! Machines and engines beyond the computer of a test: a host with its own network, OpenSSH, Slurm, podman and docker on it.
//!
//! All of it lives in namespaces of the kernel that end with the test, also if the test is killed.

mod containers;
mod host;
mod ray;
mod slurm;
mod spark;

pub use containers::{Containers, Runtime};
pub use host::{End, Host, until};
pub use ray::{ADDRESS as RAY, Ray};
pub use slurm::Slurm;
pub use spark::{MASTER as SPARK, Spark};
