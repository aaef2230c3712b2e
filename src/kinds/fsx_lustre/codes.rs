//! What `explain` says about the field checks of a Lustre file system.
use crate::diagnostic::codes;

codes! {
    /// Field checks, for `explain`.
    pub(super) CODES:
    SIZE_STATED = "DL0350", "Size missing, or stated where AWS decides",
        "Every Lustre file system has a `size`, except with `storage: intelligent-tiering`, whose capacity is \
         elastic and paid by use.";
    SIZE = "DL0351", "Not a size that FSx for Lustre has",
        "SSD file systems have 1200 GiB, 2400 GiB or a multiple of 2400 GiB; scratch-1 has 1200, 2400 or a \
         multiple of 3600 GiB; HDD has multiples of 6000 GiB at 12 MB/s/TiB and of 1800 GiB at 40. AWS writes \
         9600 GiB as 9.6 TiB.";
    THROUGHPUT = "DL0352", "Throughput missing, or not one that the type has",
        "Persistent file systems are bought with a throughput per TiB: persistent-2 SSD 125, 250, 500 or 1000 \
         MB/s/TiB, persistent-1 SSD 50, 100 or 200, HDD 12 or 40. It decides the price, so it must be written. \
         Scratch has a fixed one, intelligent tiering has `throughput_capacity`.";
    STORAGE = "DL0353", "This deployment does not come with this storage",
        "HDD exists as persistent-1 only, intelligent tiering as persistent-2 only; scratch is always SSD.";
    EFA = "DL0354", "EFA needs persistent-2",
        "EFA and GPUDirect Storage need `deployment: persistent-2` with Lustre 2.15, and are decided when the \
         file system is made. Afterwards its throughput per TiB cannot change.";
    EFA_SIZE = "DL0355", "With EFA the size goes in larger steps",
        "A file system with EFA is made of whole servers: its size is a multiple of 38400 GiB at 125 MB/s/TiB, \
         19200 at 250, 9600 at 500 and 4800 at 1000.";
    METADATA_IOPS = "DL0356", "Not a metadata rate that FSx for Lustre has",
        "Metadata IOPS are 1500, 3000, 6000, 12000 or a multiple of 12000 up to 192000; with intelligent tiering \
         6000 or 12000. Only persistent-2 with Lustre 2.15 has them. Without `metadata_iops` the rate follows \
         the size and costs nothing; a size is not to be had with a rate below the one that comes with it.";
    THROUGHPUT_CAPACITY = "DL0357", "Throughput capacity missing, or not a multiple of 4000",
        "With intelligent tiering the whole file system has a `throughput_capacity` in MB/s: a multiple of 4000, \
         up to 2000000. Other storage has `throughput` per TiB.";
    READ_CACHE = "DL0358", "A read cache that this storage does not have",
        "HDD takes `none` or `proportional`; intelligent tiering also `fixed` with a `read_cache_size` of 32 GiB \
         to 128 TiB for each 4000 MB/s of throughput. SSD needs none.";
    VERSION = "DL0359", "Lustre version that this type does not have",
        "2.15 works everywhere. 2.10 is for scratch and persistent-1 without repositories; intelligent tiering \
         needs 2.15.";
    TIME = "DL0360", "Not a time as FSx writes it",
        "`maintenance` is `d:HH:MM` with the day 1 (Monday) to 7 (Sunday); `backup_time` is `HH:MM`. Both are \
         UTC. In YAML such values need quotes.";
    BACKUPS = "DL0361", "Backups are not possible",
        "Backups exist for persistent file systems that are not linked to buckets, kept for 1 to 90 days. \
         `backup_time` belongs to them.";
    REPOSITORY = "DL0362", "Repositories that cannot be linked like that",
        "A repository's `path` starts with `/` and no two paths lie inside each other; `/` is only possible \
         alone. The same holds for the prefixes in one bucket, of which an empty one is the whole bucket. A \
         file system has up to 8 repositories.";
    NO_REPOSITORIES = "DL0363", "This type has no repositories",
        "Repositories need Lustre 2.12 or 2.15 and any deployment but scratch-1.";
    ROOT_SQUASH = "DL0364", "Root squash is not written as Lustre writes it",
        "`to` is `UID:GID` with two numbers from 1 to 4294967294 (65534:65534 is nobody); leave `root_squash` \
         out to keep root.";
    SECURITY_GROUPS = "DL0365", "A file system needs security groups",
        "Without security groups AWS takes the VPC's default one, which lets no client in. Give 1 to 50, with \
         TCP 988 and 1018-1023 open to the clients.";
    KMS_KEY = "DL0366", "Encryption key not possible, or not an ARN",
        "Only persistent file systems take a `kms_key`. It is written as the key's ARN, because AWS returns the \
         ARN whatever was written, and a difference would mean another file system.";
}
