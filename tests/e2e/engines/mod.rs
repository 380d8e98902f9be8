//! Runs on machines and engines beyond this computer, in namespaces of the kernel.

mod arrays;
mod beds;
mod broken;
mod computers;
mod containers;
mod environments;
mod heavy;
mod large;
mod nodes;
mod slurm;
mod ssh;
