//! Archives for Lambda that are the same whenever what is in them is.
use std::io::{Cursor, Write as _};
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipResult, write::SimpleFileOptions};

/// One file that may be executed, with no time of its own.
///
/// # Errors
/// What does not fit into an archive.
pub(crate) fn of(file: &str, bytes: &[u8], compressed: bool) -> ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // What is not compressed has the same bytes with every version of the compressor.
    let method = if compressed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method).unix_permissions(0o755);
    zip.start_file(file, options.last_modified_time(DateTime::default()))?;
    zip.write_all(bytes)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_same_content_is_the_same_archive() {
        for compressed in [false, true] {
            assert_eq!(of("a", b"program", compressed).unwrap(), of("a", b"program", compressed).unwrap());
            assert_ne!(of("a", b"program", compressed).unwrap(), of("a", b"another", compressed).unwrap());
        }
    }
}
