//! Tests of project files, names, scopes and folders.

use super::*;

const ID: &str = "0a1b2c3d-0000-4000-8000-000000000001";
const SCOPE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningExperimentation/accounts/acct/\
                     workspaces/ws/projects/iris";

fn id() -> ProjectId {
    ID.parse().unwrap()
}

fn scope() -> Scope {
    Scope::new("s", "g", "acct", "ws", "iris").unwrap()
}

#[test]
fn the_file_is_the_workbenchs_byte_for_byte() {
    let file = ProjectFile { id: id(), scope: scope() };
    assert_eq!(file.to_text(), format!("{{\"Id\":\"{ID}\",\"Scope\":\"{SCOPE}\"}}"));
}

#[test]
fn a_project_is_found_from_any_folder_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    assert!(matches!(Project::find(&deep), Err(Error::NotFound { .. })));
    ProjectFile { id: id(), scope: scope() }.write(folder.path()).unwrap();
    let project = Project::find(&deep).unwrap();
    assert_eq!(project.root(), folder.path());
    assert_eq!((project.name().as_str(), project.id()), ("iris", &id()));
    assert_eq!((project.scope().account(), project.scope().workspace()), (Some("acct"), Some("ws")));
    std::fs::write(folder.path().join(FILE), format!("\u{feff}{{\"Scope\":\"\",\"Id\":\"{ID}\"}}\r\n"))
        .unwrap();
    let project = Project::open(folder.path()).unwrap();
    assert_eq!(project.name(), folder.path().file_name().unwrap().to_str().unwrap());
    std::fs::write(folder.path().join(FILE), "{}").unwrap();
    assert!(matches!(Project::find(&deep), Err(Error::Malformed { .. })));
}

#[test]
fn names() {
    for good in ["iris", "my_Iris-2", "a1", &"x".repeat(50)] {
        assert!(ProjectName::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "a", "-x", "_x", "a b", "a/b", "..", "ü1", "con", "COM1", &"x".repeat(51)] {
        assert!(ProjectName::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_home_folder_or_a_root_is_no_project() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir_all(home.join("work")).unwrap();
    let refused =
        |root: &Path| matches!(check_folder(root, Some(&home)), Err(Error::NotAProjectFolder { .. }));
    assert!(refused(Path::new("/")) && refused(&home) && refused(folder.path()));
    assert!(!refused(&home.join("work")));
    std::os::unix::fs::symlink(&home, folder.path().join("link")).unwrap();
    assert!(refused(&folder.path().join("link")));
}

#[test]
fn a_blank_project_has_the_workbenchs_files_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("train.py"), "mine").unwrap();
    let created = create_files(root, id(), scope(), true, None).unwrap();
    assert_eq!(created.kept, ["train.py"]);
    assert_eq!(std::fs::read_to_string(root.join("train.py")).unwrap(), "mine");
    for name in [
        "aml_config/local.runconfig",
        "aml_config/local.compute",
        "readme.md",
        "score.py",
        ".gitignore",
        FILE,
    ] {
        assert!(root.join(name).is_file(), "{name}");
        assert!(created.made.contains(&name), "{name}");
    }
    assert!(matches!(create_files(root, id(), scope(), true, None), Err(Error::AlreadyAProject { .. })));
}
