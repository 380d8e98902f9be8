//! A run as packages, for engines that take a file and give back no more than a log.
//!
//! The package is a zip file: the node's folder with the snapshot and the job ([`NODE`]), and a program that hands it to azml
//! ([`PROGRAM`]). The snapshot's large files are another ([`LARGE`]), which is the same for every run that has them. What the run leaves stands at the end of its log, as a zip file in base64 between two lines.

use std::fs::File;
use std::io::{self, Cursor, Read as _, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::limits;

/// The node's folder in a package.
pub const NODE: &str = "node";
/// The program in a package, and its text.
pub const PROGRAM: (&str, &str) = ("azml_run.py", include_str!("package.py"));
/// The module that azml's own program comes as.
pub const AZML: &str = "azml_program/azml";
/// The module that large files come as: a folder like a repository's.
pub const LARGE: &str = "azml_large";
/// The folder of large files in a repository's.
const OBJECTS: &str = "lfs/objects";
/// The line before what a run prints: all before it is the engine's.
pub const BEGUN: &str = "-- azml: the run begins --\n";
/// The line before the results.
const RESULTS: &str = "\n-- azml: results --\n";
/// The line after them.
const END: &str = "-- azml: end --\n";
/// The length of a line of base64.
const LINE: usize = 8192;
/// The files of a store that are results: others are never unpacked.
const PARTS: [&str; 3] = ["objects/", "lfs/objects/", "refs/azureml/inbox/"];

/// Lists the files and folders below a folder, relative to it, sorted.
pub fn list(folder: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut folders, mut open) = (Vec::new(), Vec::new(), vec![PathBuf::new()]);
    while let Some(relative) = open.pop() {
        for entry in std::fs::read_dir(folder.join(&relative))? {
            let entry = entry?;
            let path = relative.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(path.clone());
                open.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

/// Packs a node's folder with the program, without large files.
pub fn pack(node: &Path, to: File) -> io::Result<File> {
    let mut zip = ZipWriter::new(to);
    zip.start_file(PROGRAM.0, stored())?;
    zip.write_all(PROGRAM.1.as_bytes())?;
    let (files, folders) = list(node)?;
    for folder in folders {
        zip.add_directory(format!("{NODE}/{}", folder.display()), stored())?;
    }
    for file in files.into_iter().filter(|file| !is_large(file)) {
        // Objects are compressed already.
        zip.start_file(format!("{NODE}/{}", file.display()), stored())?;
        io::copy(&mut File::open(node.join(file))?, &mut zip)?;
    }
    Ok(zip.finish()?)
}

/// Returns whether a file of a node's folder is a large one in a store, which is `store/<GUID>.git`.
fn is_large(file: &Path) -> bool {
    file.strip_prefix("store").is_ok_and(|file| file.iter().skip(1).collect::<PathBuf>().starts_with(OBJECTS))
}

/// Lists the large files of a store.
pub fn large_files(store: &Path) -> io::Result<Vec<PathBuf>> {
    let objects = store.join(OBJECTS);
    if objects.exists() { list(&objects).map(|(files, _)| files) } else { Ok(Vec::new()) }
}

/// Packs large files of a store as [`LARGE`].
pub fn pack_large(store: &Path, files: &[PathBuf], to: File) -> io::Result<File> {
    let mut zip = ZipWriter::new(to);
    for file in files {
        zip.start_file(format!("{LARGE}/{OBJECTS}/{}", file.display()), stored())?;
        io::copy(&mut File::open(store.join(OBJECTS).join(file))?, &mut zip)?;
    }
    Ok(zip.finish()?)
}

/// Packs azml's own program, or another file, as [`AZML`].
pub fn pack_program(program: &Path, to: File) -> io::Result<File> {
    let mut zip = ZipWriter::new(to);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file(AZML, options.compression_level(Some(1)).large_file(true))?;
    io::copy(&mut File::open(program)?, &mut zip)?;
    Ok(zip.finish()?)
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true)
}

/// The text that carries files of a store, those for which `is_result` holds.
pub fn results(store: &Path, is_result: &dyn Fn(&Path) -> bool) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for file in list(store)?.0.into_iter().filter(|file| is_part(file) && is_result(file)) {
        zip.start_file(file.display().to_string(), stored())?;
        io::copy(&mut File::open(store.join(file))?, &mut zip)?;
    }
    let text = STANDARD.encode(zip.finish()?.into_inner());
    let mut all = RESULTS.as_bytes().to_vec();
    for line in text.as_bytes().chunks(LINE) {
        all.extend(line);
        all.push(b'\n');
    }
    all.extend(END.as_bytes());
    Ok(all)
}

fn is_part(file: &Path) -> bool {
    PARTS.iter().any(|part| file.starts_with(part))
}

/// A log with what azml wrote into it.
#[derive(Debug, PartialEq, Eq)]
pub struct Log<'l> {
    /// The output of the run; `None` if it has not begun.
    pub output: Option<&'l str>,
    /// The results in base64, once all of it is there.
    results: Option<&'l str>,
}

impl<'l> Log<'l> {
    /// Takes a log apart.
    pub fn of(text: &'l str) -> Self {
        let Some((_, after)) = text.split_once(BEGUN) else { return Self { output: None, results: None } };
        if let Some((output, rest)) = after.rsplit_once(RESULTS) {
            let results = rest.split_once(END).map(|(results, _)| results);
            return Self { output: Some(output), results };
        }
        // The line may be on its way.
        let held = (2..RESULTS.len()).rev().find(|length| after.ends_with(&RESULTS[..*length]));
        Self { output: Some(&after[..after.len() - held.unwrap_or(0)]), results: None }
    }

    /// Unpacks the results into a store; returns whether there are any.
    pub fn unpack(&self, store: &Path) -> io::Result<bool> {
        let Some(text) = self.results else { return Ok(false) };
        let bytes: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(bytes).map_err(invalid)?;
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(invalid)?;
        let mut left = limits::RAY_LOG;
        for at in 0..zip.len() {
            let file = zip.by_index(at).map_err(invalid)?;
            let Some(name) = file.enclosed_name().filter(|name| is_part(name) && file.is_file()) else {
                return Err(invalid("a file that is none of a run's results"));
            };
            let to = store.join(name);
            std::fs::create_dir_all(to.parent().unwrap_or(store))?;
            // Nothing is written over or through what is there.
            match File::options().write(true).create_new(true).open(&to) {
                Ok(mut to) => left = left.saturating_sub(io::copy(&mut file.take(left), &mut to)?),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            if left == 0 {
                return Err(invalid("more than a run's results may be"));
            }
        }
        Ok(true)
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_pass_through_a_log_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for (name, text) in
            [("objects/ab/cd", "new"), ("objects/ab/old", "old"), ("refs/heads/x", "x"), ("config", "c")]
        {
            let path = from.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let packed = results(&from, &|file| !file.ends_with("old")).unwrap();
        let packed = String::from_utf8(packed).unwrap();
        let text = format!("Ray's own\n{BEGUN}hello\n{RESULTS}spoofed{packed}Ray's too\n");
        let log = Log::of(&text);
        assert_eq!(log.output, Some(&*format!("hello\n{RESULTS}spoofed")));
        assert!(log.unpack(&to).unwrap());
        assert_eq!(list(&to).unwrap().0, [Path::new("objects/ab/cd")]);
        for (text, output) in [
            ("Ray's own\n".to_owned(), None),
            (format!("{BEGUN}hel\n"), Some("hel\n")),
            (format!("{BEGUN}hello\n-- azml: re"), Some("hello")),
            (format!("{BEGUN}hello{RESULTS}AAAA\n"), Some("hello")),
        ] {
            let log = Log::of(&text);
            assert_eq!(log.output, output);
            assert!(!log.unpack(&to).unwrap(), "not all of it is there");
        }
        for bad in ["!!", "AAAA"] {
            let text = format!("{BEGUN}{RESULTS}{bad}\n{END}");
            assert!(Log::of(&text).unpack(&to).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_package_writes_beside_a_store() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["../up", "/tmp/root", "objects/../../up", "hooks/post-receive", "config"] {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            zip.start_file(name, stored()).unwrap();
            zip.write_all(b"x").unwrap();
            let text = STANDARD.encode(zip.finish().unwrap().into_inner());
            let text = format!("{BEGUN}{RESULTS}{text}\n{END}");
            assert!(Log::of(&text).unpack(&dir.path().join("store")).is_err(), "{name}");
        }
        assert_eq!(list(dir.path()).unwrap().0, Vec::<PathBuf>::new());
    }
}
