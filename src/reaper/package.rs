//! The program that Lambda runs: dlinfra itself, in an archive that is the same whenever the program is.
use super::codes;
use crate::{diagnostic::Diagnostic, kinds::function::archive, spec};
use object::{
    Architecture, FileKind, Object,
    read::elf::{ElfFile64, FileHeader as _},
};
use std::{fmt, path::Path};

/// The C library of `provided.al2023` (https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html).
const GLIBC: Version = Version(2, 34);
/// Lambda's limit for what an archive holds, in bytes.
const LARGEST: usize = 262_144_000;
const HELP: &str = "give a dlinfra that was built for Amazon Linux 2023 or older with `--binary FILE`, or end the stack \
                    yourself: `--no-reaper`";

/// Of the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// An archive for Lambda.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    /// `x86-64` or `arm64`.
    pub architecture: &'static str,
    /// SHA-256 of the archive, in hexadecimal.
    pub sha256: String,
    /// The archive.
    pub zip: Vec<u8>,
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Package({}, {}, {} bytes)", self.architecture, self.sha256, self.zip.len())
    }
}

fn unfit(path: &Path, why: &str) -> Diagnostic {
    let text = format!("{} cannot be the reaper's program: {why}", path.display());
    Diagnostic::error(&codes::UNFIT_PROGRAM, text).with_help(HELP)
}

impl Package {
    /// Reads a program and puts it into an archive. `here` = a served sandbox runs it on this machine, whatever that is.
    ///
    /// # Errors
    /// A file that cannot be read, that is not a program for Linux on a processor that Lambda has, or that needs a newer
    /// C library.
    pub fn of(path: &Path, here: bool) -> Result<Self, Diagnostic> {
        let program = std::fs::read(path).map_err(|e| unfit(path, &format!("it cannot be read: {e}")))?;
        let architecture = match (here, cfg!(target_arch = "aarch64")) {
            (false, _) => fits(&program).map_err(|why| unfit(path, &why))?,
            (true, true) => "arm64",
            (true, false) => "x86-64",
        };
        let zip =
            archive::of("bootstrap", &program, true).map_err(|e| unfit(path, &format!("it cannot be packed: {e}")))?;
        Ok(Self { architecture, sha256: spec::sha256(&zip), zip })
    }

    /// Where it lies in the bucket of the journals.
    pub fn key(&self) -> String {
        format!("reaper/{}.zip", self.sha256)
    }
}

/// The processor that a program is for, or why Lambda cannot run it.
fn fits(program: &[u8]) -> Result<&'static str, String> {
    if program.len() > LARGEST {
        return Err(format!("it has {} MB, and Lambda takes {} MB", program.len() >> 20, LARGEST >> 20));
    }
    if !matches!(FileKind::parse(program), Ok(FileKind::Elf64)) {
        return Err("it is not a program for Linux".to_owned());
    }
    let file = ElfFile64::<object::Endianness>::parse(program).map_err(|e| format!("it cannot be read: {e}"))?;
    let architecture = match file.architecture() {
        Architecture::X86_64 => "x86-64",
        Architecture::Aarch64 => "arm64",
        other => return Err(format!("it is for {other:?}, and Lambda has x86-64 and arm64")),
    };
    let needs = needs(&file).map_err(|e| format!("it cannot be read: {e}"))?;
    match needs.filter(|needs| *needs > GLIBC) {
        Some(needs) => Err(format!("it needs glibc {needs}, and Lambda's Amazon Linux 2023 has {GLIBC}")),
        None => Ok(architecture),
    }
}

/// The newest version of the C library that it names; nothing = it brings its own.
fn needs(file: &ElfFile64<'_, object::Endianness>) -> object::Result<Option<Version>> {
    let (header, data) = (file.elf_header(), file.data());
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let Some((mut needed, link)) = sections.gnu_verneed(endian, data)? else { return Ok(None) };
    let strings = sections.strings(endian, data, link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needed.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            newest = newest.max(std::str::from_utf8(name).ok().and_then(glibc));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34`.
fn glibc(name: &str) -> Option<Version> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.');
    Some(Version(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_c_library_are_read_and_compared() {
        assert_eq!(glibc("GLIBC_2.34"), Some(Version(2, 34)));
        assert_eq!(glibc("GLIBC_2.2.5"), Some(Version(2, 2)));
        assert_eq!(glibc("GLIBC_PRIVATE"), None);
        assert!(Version(2, 38) > GLIBC && Version(2, 17) < GLIBC && Version(3, 0) > GLIBC);
    }

    #[test]
    fn what_is_no_program_for_linux_is_refused() {
        assert_eq!(fits(b"#!/bin/sh\n").unwrap_err(), "it is not a program for Linux");
        // Mach-O, 64 bits.
        let mac = [0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 2, 0, 0, 0];
        assert_eq!(fits(&mac).unwrap_err(), "it is not a program for Linux");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_running_program_is_read() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let file = ElfFile64::<object::Endianness>::parse(&*program).unwrap();
        assert!(needs(&file).unwrap() > Some(Version(2, 1)));
    }
}
