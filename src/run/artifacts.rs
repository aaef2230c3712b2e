//! What a job leaves: one archive for each rank in a bucket that outlives the stack, and a manifest that is written last.
use super::{Job, Watch, script};
use crate::aws::{Error, ErrorClass, objects::Objects};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// For how long a machine may upload. The address is written into the history of Run Command, so it is not long.
const TIME: Duration = Duration::from_mins(15);

/// What one rank left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// From 0.
    pub rank: usize,
    /// `i-…`.
    pub instance: String,
    /// Its place in the bucket.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the archive.
    pub sha256: String,
    /// Was nothing at the path? The archive has the log only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// One for each rank that had something.
    pub artifacts: Vec<Artifact>,
    /// What went wrong on the others, by rank.
    pub failed: BTreeMap<usize, String>,
    /// `s3://bucket/runs/…/`.
    pub place: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format_version: u32,
    job: &'a Job,
    codes: Vec<Option<u8>>,
    artifacts: &'a [Artifact],
    failed: &'a BTreeMap<usize, String>,
}

impl Watch<'_> {
    /// Has each machine that answers upload its archive, and writes the manifest. Repeating it writes the same again.
    ///
    /// # Errors
    /// Whatever Systems Manager and S3 answer, but for what goes wrong on single machines.
    pub async fn collect(&self, path: &str, stack: &str, bucket: &Objects) -> Result<Collected, Error> {
        let job = self.job();
        let folder = format!("runs/{stack}/{}", job.id);
        let there = self.aws().reached(&self.ids(|_| true)).await?;
        let (mut keys, mut addresses) = (BTreeMap::new(), BTreeMap::new());
        let mut out = Collected { place: format!("s3://{}/{folder}/", bucket.bucket()), ..Collected::default() };
        for (rank, machine) in job.machines.iter().enumerate() {
            if !there.contains(&machine.id) {
                out.failed.insert(rank, format!("{} is not reached", machine.id));
                continue;
            }
            let key = format!("{folder}/rank-{rank}.tar.gz");
            addresses.insert(machine.id.clone(), bucket.upload_address(&key, TIME).await?);
            keys.insert(machine.id.clone(), (rank, key));
        }
        let ids: Vec<String> = addresses.keys().cloned().collect();
        let text = script::collect(job, path, &addresses);
        let ran =
            if ids.is_empty() { Vec::new() } else { self.aws().on_machines(&ids, &text, &self.why("collect")).await? };
        for one in ran {
            let Some((rank, key)) = keys.remove(&one.id) else { continue };
            match (one.code, read(&one.output)) {
                (Some(0), Some((size, sha256, missing))) => {
                    out.artifacts.push(Artifact { rank, instance: one.id, key, size, sha256, missing });
                }
                // A rank that has neither a log nor anything at the path.
                (Some(0), None) => {}
                _ => {
                    out.failed.insert(rank, format!("{} ({}): {}", one.id, one.status, one.output.trim()));
                }
            }
        }
        out.artifacts.sort_by_key(|a| a.rank);
        let manifest =
            Manifest { format_version: 1, job, codes: self.codes(), artifacts: &out.artifacts, failed: &out.failed };
        let bytes = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::bug(e.to_string()))?;
        bucket.put_over(&format!("{folder}/manifest.json"), &bytes).await?;
        Ok(out)
    }
}

/// `SIZE SHA256 MISSING`, in the last line.
fn read(output: &str) -> Option<(u64, String, bool)> {
    let words: Vec<&str> = output.lines().next_back()?.split(' ').collect();
    match words[..] {
        [size, sum, missing] if sum.len() == 64 => Some((size.parse().ok()?, sum.to_owned(), missing == "yes")),
        _ => None,
    }
}

impl Collected {
    /// Brings the archives into a folder of this machine, the manifest last. What is there already is written over, each
    /// file when it is whole.
    ///
    /// # Errors
    /// Whatever S3 answers, a folder that cannot be written, an archive that is not what its machine has packed.
    pub async fn bring(&self, bucket: &Objects, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let wrong = |e: std::io::Error| Error::new(ErrorClass::Other, format!("{}: {e}", folder.display()));
        std::fs::create_dir_all(folder).map_err(wrong)?;
        let mut files = Vec::new();
        let prefix = self.place.split_once(bucket.bucket()).map_or("", |(_, rest)| rest.trim_start_matches('/'));
        let manifest = (format!("{prefix}manifest.json"), "manifest.json".to_owned(), None);
        let archives =
            self.artifacts.iter().map(|a| (a.key.clone(), format!("rank-{}.tar.gz", a.rank), Some(&a.sha256)));
        for (key, name, sum) in archives.chain([manifest]) {
            let (part, file) = (folder.join(format!("{name}.part")), folder.join(&name));
            let found = bucket.download(&key, &part).await?;
            let Some((_, found)) = found else {
                return Err(Error::new(ErrorClass::NotFound, format!("{key} is not in the bucket")));
            };
            if sum.is_some_and(|sum| *sum != found) {
                return Err(Error::new(ErrorClass::Other, format!("{key} is not what its machine has packed")));
            }
            std::fs::rename(&part, &file).map_err(wrong)?;
            files.push(file);
        }
        Ok(files)
    }
}
