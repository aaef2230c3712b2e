//! Files and folders of dlinfra's own: for their owner alone, and never through a link that somebody else laid.
//!
//! A repository can bring `.dlinfra`, or anything in it, as a link to a file of yours; what is written there must not
//! land in that file.
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

/// The folder beside a blueprint that is dlinfra's own.
const OWN: &str = ".dlinfra";

/// Is anything of this path a link that could have come with a repository: `.dlinfra`, what lies in it, or the file
/// itself?
///
/// # Errors
/// The link, by its name.
pub fn check(path: &Path) -> io::Result<()> {
    let mut at = PathBuf::new();
    let mut own = false;
    for part in path.components() {
        at.push(part);
        own |= part == Component::Normal(OWN.as_ref());
        if (own || at == path) && at.is_symlink() {
            let text = format!("{} is a link, and dlinfra writes through none here: remove it", at.display());
            return Err(io::Error::other(text));
        }
    }
    Ok(())
}

/// Makes a folder that only its owner may enter, and the folders above it.
///
/// # Errors
/// A link; a folder that cannot be made.
pub fn folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    check(path)?;
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file that only its owner may read, should this make it.
///
/// # Errors
/// A link; a file that cannot be opened.
pub fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    check(path)?;
    options.clone().mode(0o600).open(path)
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// A link; a file that cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    open(path, OpenOptions::new().write(true).create(true).truncate(true))?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let place = tempfile::tempdir().unwrap();
        let own = place.path().join(".dlinfra/state/a");
        folder(&own).unwrap();
        write(&own.join("x"), b"1").unwrap();
        write(&own.join("x"), b"2").unwrap();
        assert_eq!(fs::read(own.join("x")).unwrap(), b"2");
        assert_eq!((mode(&own), mode(&place.path().join(".dlinfra")), mode(&own.join("x"))), (0o700, 0o700, 0o600));
    }

    #[test]
    fn nothing_goes_through_a_link() {
        let place = tempfile::tempdir().unwrap();
        let (mine, other) = (place.path().join("mine"), place.path().join("other"));
        fs::write(&mine, b"mine").unwrap();
        fs::create_dir(&other).unwrap();
        let own = place.path().join("repository/.dlinfra");
        folder(&own.join("sandbox")).unwrap();
        symlink(&mine, own.join("sandbox/requests.json")).unwrap();
        symlink(&other, own.join("run")).unwrap();
        assert!(write(&own.join("sandbox/requests.json"), b"x").is_err());
        assert!(write(&own.join("run/x"), b"x").is_err());
        assert!(folder(&own.join("run/deeper")).is_err());
        assert_eq!(fs::read(&mine).unwrap(), b"mine");
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
        // Whose folder it is that holds the repository is nobody's business.
        symlink(place.path().join("repository"), place.path().join("link")).unwrap();
        write(&place.path().join("link/.dlinfra/x"), b"x").unwrap();
    }
}
