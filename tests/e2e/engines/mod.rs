//! Runs on machines and engines beyond this computer, in namespaces of the kernel.

mod beds;
mod broken;
mod containers;
mod environments;
mod heavy;
mod large;
mod nodes;
mod slurm;
mod ssh;
