//! The limit of the machine: a bare parallel walk that looks at every file, and reading, hashing and compressing
//! on all processors.

use std::ffi::CString;
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};

use super::super::timed;
use crate::Outcome;

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

struct Queue {
    folders: Vec<CString>,
    busy: usize,
    files: usize,
    error: Option<std::io::Error>,
}

/// Looks at every file below `root`, but for repositories: open, list, stat, close, over all processors.
pub(super) fn walk(root: &Path, files: usize) -> Outcome<Duration> {
    let (time, seen) = timed(|| {
        let top = CString::new(root.as_os_str().as_bytes())?;
        let queue = Mutex::new(Queue { folders: vec![top], busy: 0, files: 0, error: None });
        let more = Condvar::new();
        std::thread::scope(|scope| {
            for _ in 1..threads() {
                scope.spawn(|| work(&queue, &more));
            }
            work(&queue, &more);
        });
        let queue = queue.into_inner().map_err(|_| "a thread of the walk panicked")?;
        queue.error.map_or(Ok(queue.files), |error| Err(error.into()))
    })?;
    if seen < files {
        return Err(format!("the walk saw {seen} files of {files}").into());
    }
    Ok(time)
}

fn work(queue: &Mutex<Queue>, more: &Condvar) {
    let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
    let lock = || queue.lock().expect("no thread of the walk panics");
    let mut here = lock();
    loop {
        let Some(folder) = here.folders.pop() else {
            if here.busy == 0 {
                more.notify_all();
                return;
            }
            here = more.wait(here).expect("no thread of the walk panics");
            continue;
        };
        here.busy += 1;
        drop(here);
        let found = look(&folder, &mut buffer);
        here = lock();
        here.busy -= 1;
        match found {
            Ok((folders, files)) => {
                here.files += files;
                if !folders.is_empty() || here.busy == 0 {
                    here.folders.extend(folders);
                    more.notify_all();
                }
            }
            Err(error) => here.error = Some(error),
        }
    }
}

fn look(folder: &CString, buffer: &mut [MaybeUninit<u8>]) -> std::io::Result<(Vec<CString>, usize)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(folder.as_c_str(), flags, Mode::empty())?;
    let (mut folders, mut files) = (Vec::new(), 0);
    let mut listing = RawDir::new(&handle, buffer);
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b".." | b".git" | b".azuremlhistory_git") {
            continue;
        }
        if entry.file_type() == FileType::Directory {
            let path = [folder.to_bytes(), b"/", name.to_bytes()].concat();
            folders.push(CString::new(path)?);
        } else {
            std::hint::black_box(rustix::fs::statat(&handle, name, AtFlags::SYMLINK_NOFOLLOW)?);
            files += 1;
        }
    }
    Ok((folders, files))
}

/// Reads, hashes and compresses at level 1 every file of the list.
pub(super) fn read_hash_compress(files: &[PathBuf]) -> Outcome<Duration> {
    use sha1::Digest as _;
    let next = std::sync::atomic::AtomicUsize::new(0);
    let one = |path: &Path| -> std::io::Result<()> {
        let content = std::fs::read(path)?;
        std::hint::black_box(sha1::Sha1::digest(&content));
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(1));
        out.write_all(&content)?;
        std::hint::black_box(out.finish()?);
        Ok(())
    };
    let (time, ()) = timed(|| {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads())
                .map(|_| {
                    scope.spawn(|| {
                        while let Some(path) =
                            files.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                        {
                            one(path)?;
                        }
                        Ok::<(), std::io::Error>(())
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
        })?;
        Ok(())
    })?;
    Ok(time)
}
