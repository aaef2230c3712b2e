//! Zips: how long what is in them is, and unpacking them into a folder.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use zip::ZipArchive;

/// The length of everything in a zip, as the zip states it.
pub(crate) fn size(zip: &[u8]) -> io::Result<u64> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(io::Error::other)?;
    let mut size = 0_u64;
    for at in 0..archive.len() {
        size = size.saturating_add(archive.by_index_raw(at).map_err(io::Error::other)?.size());
    }
    Ok(size)
}

/// Unpacks a zip into a folder that is there, with the modes of its files.
pub(crate) fn unpack(zip: &[u8], folder: &Path) -> io::Result<()> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(io::Error::other)?;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(io::Error::other)?;
        let name = entry.enclosed_name().filter(|_| !entry.is_symlink());
        let Some(name) = name else {
            return Err(io::Error::other("a name in the zip leads out of it"));
        };
        let path = folder.join(name);
        let within = if entry.is_dir() { Some(path.as_path()) } else { path.parent() };
        if let Some(within) = within {
            DirBuilder::new().recursive(true).mode(0o755).create(within)?;
        }
        if entry.is_dir() {
            continue;
        }
        let mode = entry.unix_mode().unwrap_or(0o644) & 0o777;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode | 0o600).open(&path)?;
        // No more than the zip states, which was looked at when it came.
        let stated = entry.size();
        io::copy(&mut entry.by_ref().take(stated), &mut file)?;
    }
    Ok(())
}
