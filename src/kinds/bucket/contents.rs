//! What is in a bucket, and how it goes: all versions and markers, a thousand a request, eight requests at a time.
use crate::{
    aws::{Aws, Error, ErrorClass, optional},
    kinds::policy::decode,
};
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};
use tokio::task::JoinSet;

/// Pages of 1,000 that a count reads before it says "more than".
const COUNTED_PAGES: usize = 1000;
const PARALLEL: usize = 8;

/// One page of versions and markers.
struct Page {
    ids: Vec<(String, Option<String>)>,
    current: u64,
    old: u64,
    markers: u64,
    bytes: u64,
    next: Option<(Option<String>, Option<String>)>,
}

async fn page(
    aws: &Aws,
    name: &str,
    owner: &str,
    from: (Option<String>, Option<String>),
) -> Result<Page, Error> {
    let list = aws.s3().list_object_versions().bucket(name).expected_bucket_owner(owner);
    // Keys may hold what XML cannot.
    let list = list.encoding_type(EncodingType::Url).set_key_marker(from.0).set_version_id_marker(from.1);
    let out = list.send().await?;
    let encoded = out.encoding_type == Some(EncodingType::Url);
    let plain = |key: String| if encoded { decode(&key.replace('+', " ")) } else { key };
    let mut page = Page { ids: Vec::new(), current: 0, old: 0, markers: 0, bytes: 0, next: None };
    for version in out.versions.unwrap_or_default() {
        if version.is_latest == Some(false) { page.old += 1 } else { page.current += 1 }
        page.bytes += version.size.and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
        page.ids.push((plain(version.key.unwrap_or_default()), version.version_id));
    }
    for marker in out.delete_markers.unwrap_or_default() {
        page.markers += 1;
        page.ids.push((plain(marker.key.unwrap_or_default()), marker.version_id));
    }
    page.next = (out.is_truncated == Some(true)).then_some((out.next_key_marker.map(plain), out.next_version_id_marker));
    Ok(page)
}

/// "3 objects, 12.5 GiB", or nothing.
pub(super) async fn count(aws: &Aws, name: &str, owner: &str) -> Result<Option<String>, Error> {
    let (mut current, mut old, mut markers, mut bytes) = (0, 0, 0, 0);
    let mut from = Some((None, None));
    for _ in 0..COUNTED_PAGES {
        let Some(place) = from.take() else { break };
        let Some(page) = optional(page(aws, name, owner, place).await)? else { return Ok(None) };
        (current, old, markers) = (current + page.current, old + page.old, markers + page.markers);
        bytes += page.bytes;
        from = page.next;
    }
    Ok(text(current, old, markers, bytes, from.is_some()))
}

fn text(current: u64, old: u64, markers: u64, bytes: u64, more: bool) -> Option<String> {
    let several = |n: u64, what: &str| format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" });
    let mut parts = Vec::new();
    for (n, what) in [(current, "object"), (old, "old version"), (markers, "delete marker")] {
        if n > 0 {
            parts.push(several(n, what));
        }
    }
    if current + old > 0 {
        parts.push(human(bytes));
    }
    (!parts.is_empty()).then(|| format!("{}{}", if more { "more than " } else { "" }, parts.join(", ")))
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes for people, one decimal, rounded down.
fn human(bytes: u64) -> String {
    let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*size);
            match tenths % 10 {
                0 => format!("{} {unit}", tenths / 10),
                tenth => format!("{}.{tenth} {unit}", tenths / 10),
            }
        }
        None => format!("{bytes} B"),
    }
}

/// Deletes every version and marker. Killed anywhere, the next call goes on with what is left.
pub(super) async fn empty(aws: &Aws, name: &str, owner: &str) -> Result<(), Error> {
    let mut running = JoinSet::new();
    let mut from = Some((None, None));
    while let Some(place) = from.take() {
        let page = page(aws, name, owner, place).await?;
        from = page.next;
        if !page.ids.is_empty() {
            running.spawn(remove(aws.clone(), name.to_owned(), owner.to_owned(), page.ids));
        }
        while running.len() >= PARALLEL {
            joined(running.join_next().await)?;
        }
    }
    while !running.is_empty() {
        joined(running.join_next().await)?;
    }
    Ok(())
}

fn joined(done: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Result<(), Error> {
    match done {
        Some(Ok(result)) => result,
        Some(Err(e)) => Err(Error::bug(e.to_string())),
        None => Ok(()),
    }
}

async fn remove(aws: Aws, name: String, owner: String, ids: Vec<(String, Option<String>)>) -> Result<(), Error> {
    // A page holds 1,000 entries at most, which is what one request takes.
    let objects = ids
        .into_iter()
        .map(|(key, version)| ObjectIdentifier::builder().key(key).set_version_id(version).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::bug(e.to_string()))?;
    let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
    let delete = delete.map_err(|e| Error::bug(e.to_string()))?;
    let out = aws.s3().delete_objects().bucket(&name).expected_bucket_owner(owner).delete(delete).send().await?;
    let refused = out.errors();
    let Some(first) = refused.first() else { return Ok(()) };
    let code = first.code().unwrap_or("Unknown");
    let class = match code {
        "AccessDenied" => ErrorClass::Denied,
        "InternalError" | "SlowDown" | "ServiceUnavailable" => ErrorClass::Throttled,
        _ => ErrorClass::Other,
    };
    let (key, why) = (first.key().unwrap_or(""), first.message().unwrap_or("no message"));
    Err(Error::new(class, format!("{} objects of {name} cannot be deleted; {key}: {code}: {why}", refused.len()))
        .help("look for an object lock, a bucket policy that denies, or missing rights to s3:DeleteObjectVersion"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_in_words() {
        assert_eq!(text(0, 0, 0, 0, false), None);
        assert_eq!(text(1, 0, 0, 5, false).unwrap(), "1 object, 5 B");
        assert_eq!(text(3, 0, 0, (12 << 30) + (1 << 29), false).unwrap(), "3 objects, 12.5 GiB");
        assert_eq!(text(0, 0, 2, 0, false).unwrap(), "2 delete markers");
        assert_eq!(
            text(1_000_000, 1, 0, 1 << 41, true).unwrap(),
            "more than 1,000,000 objects, 1 old version, 2 TiB"
        );
    }
}
