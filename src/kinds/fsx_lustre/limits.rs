//! What FSx for Lustre can be: legal sizes, throughputs and rates, and the nearest legal ones.
use super::{Deployment, FsxLustre, Storage};
use crate::units::PerTib;

/// The sizes of a type in GiB: a few small ones, then every multiple of a step.
pub(super) struct Sizes {
    pub(super) small: &'static [u64],
    pub(super) step: u64,
}

impl Sizes {
    pub(super) fn allow(&self, gib: u64) -> bool {
        self.small.contains(&gib) || gib > 0 && gib.is_multiple_of(self.step)
    }

    /// The largest legal size below and the smallest above.
    pub(super) fn nearest(&self, gib: u64) -> (Option<u64>, u64) {
        let steps = gib / self.step * self.step;
        let below =
            self.small.iter().copied().filter(|s| *s <= gib).chain([steps].into_iter().filter(|s| *s > 0)).max();
        let next = steps + self.step;
        let above = self.small.iter().copied().filter(|s| *s >= gib).chain([next]).min().unwrap_or(next);
        (below, above)
    }
}

/// Throughputs per TiB that a type offers; empty = it takes none.
pub(super) fn throughputs(deployment: Deployment, storage: Storage) -> &'static [u64] {
    match (deployment, storage) {
        (Deployment::Persistent1, Storage::Ssd) => &[50, 100, 200],
        (Deployment::Persistent1, Storage::Hdd) => &[12, 40],
        (Deployment::Persistent2, Storage::Ssd) => &[125, 250, 500, 1000],
        _ => &[],
    }
}

/// The sizes of this type; nothing where AWS decides.
pub(super) fn sizes(fs: &FsxLustre) -> Option<Sizes> {
    let throughput = fs.throughput.map(PerTib::mb_per_second);
    Some(match (fs.deployment, fs.storage) {
        (_, Storage::IntelligentTiering) => return None,
        (Deployment::Scratch1, _) => Sizes { small: &[1200, 2400], step: 3600 },
        (_, Storage::Hdd) => Sizes { small: &[], step: if throughput == Some(40) { 1800 } else { 6000 } },
        (Deployment::Persistent2, Storage::Ssd) if fs.efa => Sizes { small: &[], step: efa_step(throughput) },
        _ => Sizes { small: &[1200], step: 2400 },
    })
}

/// With EFA a file system is made of whole servers, which are larger the less throughput each TiB has.
fn efa_step(throughput: Option<u64>) -> u64 {
    match throughput {
        Some(1000) => 4800,
        Some(500) => 9600,
        Some(250) => 19_200,
        _ => 38_400,
    }
}

/// Metadata IOPS that can be stated.
pub(super) fn metadata_iops(storage: Storage, iops: u32) -> bool {
    match storage {
        Storage::IntelligentTiering => [6000, 12_000].contains(&iops),
        _ => [1500, 3000, 6000].contains(&iops) || iops > 0 && iops.is_multiple_of(12_000) && iops <= 192_000,
    }
}
