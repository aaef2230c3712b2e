//! What is in a bucket, and how it goes: all versions and markers, a thousand a request, eight requests at a time.
use crate::{
    aws::{Aws, Error, ErrorClass, optional},
    call::Ctx,
    kinds::policy::decode,
    record::Progress,
    units::{Size, grouped},
};
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};
use tokio::task::JoinSet;

/// Pages of 1,000 that a count reads before it says "more than": some seconds, however large the bucket is.
const COUNTED_PAGES: usize = 20;
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

async fn page(aws: &Aws, name: &str, owner: &str, from: (Option<String>, Option<String>)) -> Result<Page, Error> {
    let list = aws.s3().list_object_versions().bucket(name).expected_bucket_owner(owner);
    // Keys may hold what XML cannot.
    let list = list.encoding_type(EncodingType::Url).set_key_marker(from.0).set_version_id_marker(from.1);
    let out = list.send().await?;
    let encoded = out.encoding_type == Some(EncodingType::Url);
    let plain = |key: String| if encoded { decode(&key.replace('+', " ")) } else { key };
    let mut page = Page { ids: Vec::new(), current: 0, old: 0, markers: 0, bytes: 0, next: None };
    for version in out.versions.unwrap_or_default() {
        if version.is_latest == Some(false) {
            page.old += 1;
        } else {
            page.current += 1;
        }
        page.bytes += version.size.and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
        page.ids.push((plain(version.key.unwrap_or_default()), version.version_id));
    }
    for marker in out.delete_markers.unwrap_or_default() {
        page.markers += 1;
        page.ids.push((plain(marker.key.unwrap_or_default()), marker.version_id));
    }
    page.next =
        (out.is_truncated == Some(true)).then_some((out.next_key_marker.map(plain), out.next_version_id_marker));
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
        parts.push(Size::from_bytes(bytes).rough());
    }
    (!parts.is_empty()).then(|| format!("{}{}", if more { "more than " } else { "" }, parts.join(", ")))
}

/// Deletes every version and marker, and says how far it is. At most some pages are held at a time. Killed anywhere, the
/// next call goes on with what is left.
pub(super) async fn empty(ctx: &Ctx, name: &str) -> Result<(), Error> {
    let owner = &ctx.scope.account;
    let mut running = JoinSet::new();
    let mut so_far = Progress::default();
    let (mut from, mut stop) = (Some((None, None)), false);
    while !stop && let Some(place) = from.take() {
        let page = page(&ctx.aws, name, owner, place).await?;
        from = page.next;
        if !page.ids.is_empty() {
            let (aws, name, owner) = (ctx.aws.clone(), name.to_owned(), owner.clone());
            let size = (page.ids.len() as u64, page.bytes);
            running.spawn(async move { remove(&aws, &name, &owner, page.ids).await.map(|()| size) });
        }
        // What is done already is counted at once, so that progress does not come in leaps.
        loop {
            let full = running.len() >= PARALLEL;
            let done = if full { running.join_next().await } else { running.try_join_next() };
            let Some(done) = done else { break };
            stop |= !tell(ctx, &mut so_far, done)?;
        }
    }
    while let Some(done) = running.join_next().await {
        tell(ctx, &mut so_far, done)?;
    }
    if from.is_some() {
        let count = grouped(so_far.count);
        let what = format!("{count} objects of {name} were deleted before the run was stopped; the rest is there");
        return Err(Error::new(ErrorClass::Stopped, what));
    }
    if so_far.count > 0 {
        ctx.recorder.progress(&ctx.address, Progress { complete: true, ..so_far });
    }
    Ok(())
}

/// Adds what one request deleted; false = begin nothing new.
fn tell(
    ctx: &Ctx,
    so_far: &mut Progress,
    done: Result<Result<(u64, u64), Error>, tokio::task::JoinError>,
) -> Result<bool, Error> {
    let (count, bytes) = done.map_err(|e| Error::bug(e.to_string()))??;
    so_far.count += count;
    so_far.bytes += bytes;
    Ok(ctx.recorder.progress(&ctx.address, *so_far))
}

async fn remove(aws: &Aws, name: &str, owner: &str, ids: Vec<(String, Option<String>)>) -> Result<(), Error> {
    // A page holds 1,000 entries at most, which is what one request takes.
    let objects = ids
        .into_iter()
        .map(|(key, version)| ObjectIdentifier::builder().key(key).set_version_id(version).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::bug(e.to_string()))?;
    let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
    let delete = delete.map_err(|e| Error::bug(e.to_string()))?;
    let out = aws.s3().delete_objects().bucket(name).expected_bucket_owner(owner).delete(delete).send().await?;
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
        assert_eq!(text(1_000_000, 1, 0, 1 << 41, true).unwrap(), "more than 1,000,000 objects, 1 old version, 2 TiB");
    }
}
