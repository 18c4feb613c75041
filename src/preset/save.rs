//! Saving a scenario: whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Library, scenario};
use crate::scenario::Scenario;

/// Why a scenario was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// There is a file already, and it was not to be replaced.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The system would not have it; what was there is as it was.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes a scenario to a file, as it reads back: a relative path of a model is one from the file's folder, or absolute.
///
/// The file is written beside its place and then put there, so that neither a full disk nor a crash leaves half of it,
/// or takes away what was there.
pub fn save(library: &Library, scenario: &Scenario, path: &Path, replace: bool) -> Result<(), SaveError> {
    if !replace && path.symlink_metadata().is_ok() {
        return Err(SaveError::Exists(path.to_owned()));
    }
    let failed = |source| SaveError::Io { path: path.to_owned(), source };
    let place = end_of_links(path).map_err(failed)?;
    let text = scenario::to_toml(&as_seen_from(library, scenario, path));
    // Of the file's own name nothing is taken: it may be as long as names can be.
    let beside = place.with_file_name(format!(".brimful-{}", std::process::id()));
    let before = place.metadata().ok().map(|metadata| metadata.permissions());
    let written = write(&beside, &text, before).and_then(|()| fs::rename(&beside, &place));
    if written.is_err() {
        // It may not be there at all; what matters is said already.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)
}

/// Most links that lead to each other, as Linux has it.
const LINKS: usize = 40;

/// Where a file is written: a link stays one, and what it leads to is replaced, or made where it is not there.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&place) else { return Ok(place) };
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(io::Error::other("a link that leads to itself"))
}

/// Writes a new file, readable by whom another was.
fn write(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The scenario with the path of its model, where it names one, such that a file elsewhere finds it.
fn as_seen_from(library: &Library, scenario: &Scenario, file: &Path) -> Scenario {
    let here = file.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder == Path::new("."));
    let path = Path::new(&scenario.model);
    if here || path.is_absolute() || library.model(&scenario.model).is_ok() {
        return scenario.clone();
    }
    let absolute = std::path::absolute(path).map(|path| path.display().to_string());
    Scenario { model: absolute.unwrap_or_else(|_| scenario.model.clone()), ..scenario.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("brimful-save-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn run() -> Scenario {
        let mut scenario = Scenario { model: String::from("gpt2"), ..Scenario::default() };
        scenario.train.micro_batch_size = 3;
        scenario
    }

    #[test]
    fn a_file_is_replaced_only_when_asked() {
        let (library, folder) = (Library::embedded(), folder("replace"));
        let path = folder.join("run.toml");
        save(&library, &run(), &path, false).unwrap();
        assert_eq!(scenario::read(&path).unwrap(), run());
        assert!(matches!(save(&library, &Scenario::default(), &path, false), Err(SaveError::Exists(_))));
        assert_eq!(scenario::read(&path).unwrap(), run());
        let other = Scenario { model: String::from("gpt2-xl"), ..run() };
        save(&library, &other, &path, true).unwrap();
        assert_eq!(scenario::read(&path).unwrap(), other);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (library, folder) = (Library::embedded(), folder("link"));
        let (real, link) = (folder.join("real.toml"), folder.join("link.toml"));
        save(&library, &Scenario::default(), &real, false).unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
        symlink("real.toml", &link).unwrap();
        assert!(matches!(save(&library, &run(), &link, false), Err(SaveError::Exists(_))));
        save(&library, &run(), &link, true).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(scenario::read(&real).unwrap(), run());
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_to_its_end() {
        use std::os::unix::fs::symlink;
        let (library, folder) = (Library::embedded(), folder("links"));
        fs::create_dir_all(folder.join("runs")).unwrap();
        symlink("runs/new.toml", folder.join("link.toml")).unwrap();
        symlink("link.toml", folder.join("further.toml")).unwrap();
        save(&library, &run(), &folder.join("further.toml"), true).unwrap();
        assert_eq!(scenario::read(&folder.join("runs/new.toml")).unwrap(), run());
        assert!(["link.toml", "further.toml"].iter().all(|link| folder.join(link).is_symlink()));
        symlink("b.toml", folder.join("a.toml")).unwrap();
        symlink("a.toml", folder.join("b.toml")).unwrap();
        let loops = save(&library, &run(), &folder.join("a.toml"), true).unwrap_err();
        assert!(loops.to_string().ends_with("a.toml: a link that leads to itself"), "{loops}");
        assert!(folder.join("a.toml").is_symlink());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_name_may_be_as_long_as_names_can_be() {
        let (library, folder) = (Library::embedded(), folder("long"));
        let path = folder.join("r".repeat(250) + ".toml");
        save(&library, &run(), &path, false).unwrap();
        assert_eq!(scenario::read(&path).unwrap(), run());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_lost() {
        let (library, folder) = (Library::embedded(), folder("nowhere"));
        let missing = save(&library, &run(), &folder.join("no/run.toml"), true).unwrap_err();
        assert!(missing.to_string().contains("no/run.toml: "), "{missing}");
        let taken = folder.join("folder.toml");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(save(&library, &run(), &taken, true).is_err());
        assert!(taken.join("inside").is_dir());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_model_by_path_is_found_from_elsewhere() {
        let library = Library::embedded();
        let model = Scenario { model: String::from("models/mine.toml"), ..run() };
        let seen = |file: &str| as_seen_from(&library, &model, Path::new(file)).model;
        assert_eq!(seen("run.toml"), "models/mine.toml");
        assert!(Path::new(&seen("runs/run.toml")).is_absolute());
        assert_eq!(as_seen_from(&library, &run(), Path::new("runs/run.toml")).model, "gpt2");
    }
}
