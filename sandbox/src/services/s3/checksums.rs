//! Checksums of request bodies: those that the client gives are compared, in headers or trailers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::model::Checksum;
use crate::error::ApiError;
use crate::wire::reply::Reply;
use crate::wire::request::Incoming;

/// A cyclic redundancy check with reflected input and output, inverted at both ends.
fn crc(bytes: &[u8], bits: u32, polynomial: u64) -> Vec<u8> {
    let ones = u64::MAX >> (64 - bits);
    let entry = |low: u64| (0..8).fold(low, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 });
    let table: Vec<u64> = (0..256).map(entry).collect();
    let step = |crc: u64, byte: &u8| {
        let low = (crc ^ u64::from(*byte)) & 0xff;
        (crc >> 8) ^ usize::try_from(low).ok().and_then(|low| table.get(low)).copied().unwrap_or_default()
    };
    let crc = bytes.iter().fold(ones, step) ^ ones;
    let width = usize::try_from(bits / 8).unwrap_or(8);
    crc.to_be_bytes()[8 - width..].to_vec()
}

/// The checksum of an algorithm as S3 writes it, if the sandbox can compute it.
pub(super) fn compute(algorithm: &str, bytes: &[u8]) -> Option<String> {
    let digest = match algorithm {
        "crc32" => crc(bytes, 32, 0xedb8_8320),
        "crc32c" => crc(bytes, 32, 0x82f6_3b78),
        "crc64nvme" => crc(bytes, 64, 0x9a6c_9329_ac4b_c9b5),
        "sha1" => Sha1::digest(bytes).to_vec(),
        "sha256" => Sha256::digest(bytes).to_vec(),
        "sha512" => Sha512::digest(bytes).to_vec(),
        "md5" => Md5::digest(bytes).to_vec(),
        _ => return None,
    };
    Some(STANDARD.encode(digest))
}

/// The entity tag of content, without quotation marks.
pub(super) fn etag(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Algorithms and values of the checksums that came with a request.
fn given(request: &Incoming) -> Vec<(String, String)> {
    let checksum = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let algorithm = name.as_str().strip_prefix("x-amz-checksum-")?;
        let known = !["mode", "type", "algorithm"].contains(&algorithm);
        known.then(|| (algorithm.to_owned(), value.to_str().unwrap_or_default().to_owned()))
    };
    request.headers.iter().filter_map(checksum).collect()
}

/// The value of a checksum header decodes to as many bytes as its algorithm gives.
fn is_well_formed(algorithm: &str, value: &str) -> bool {
    let size = |text: &str| STANDARD.decode(text).ok().map(|bytes| bytes.len());
    compute(algorithm, b"").is_none_or(|example| size(&example) == size(value))
}

/// Compares everything that the request says about its body; gives the checksum to keep with an object.
pub(super) fn verify(request: &Incoming) -> Result<Option<Checksum>, ApiError> {
    let body: &[u8] = &request.body;
    let bad = |name: &str| {
        ApiError::bad("BadDigest", format!("The {name} you specified did not match the calculated checksum."))
    };
    if let Some(length) = request.header("x-amz-decoded-content-length")
        && length.parse() != Ok(body.len())
    {
        let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
        return Err(ApiError::bad("IncompleteBody", message));
    }
    if let Some(sent) = request.header("x-amz-content-sha256")
        && sent.len() == 64
        && sent != hex(&Sha256::digest(body))
    {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(ApiError::bad("XAmzContentSHA256Mismatch", message));
    }
    if let Some(sent) = request.header("content-md5") {
        if !is_well_formed("md5", sent) {
            let error = ApiError::bad("InvalidDigest", "The Content-MD5 you specified was invalid.");
            return Err(error.with("Content-MD5", sent));
        }
        if Some(sent) != compute("md5", body).as_deref() {
            return Err(bad("Content-MD5"));
        }
    }
    let given = given(request);
    if given.len() > 1 {
        let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return Err(ApiError::bad("InvalidRequest", message));
    }
    let given = given.into_iter().next();
    if let Some((algorithm, value)) = &given {
        if !is_well_formed(algorithm, value) {
            let message = format!("Value for x-amz-checksum-{algorithm} header is invalid.");
            return Err(ApiError::bad("InvalidRequest", message));
        }
        match compute(algorithm, body) {
            Some(computed) if computed == *value => {}
            Some(_) => return Err(bad(&algorithm.to_uppercase())),
            None => return Err(ApiError::not_implemented(format!("checksums of the algorithm {algorithm}"))),
        }
    } else if request.header("x-amz-sdk-checksum-algorithm").is_some() {
        let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                       headers were found.";
        return Err(ApiError::bad("InvalidRequest", message));
    }
    Ok(given.map(|(algorithm, value)| Checksum::whole(algorithm, value)))
}

/// The checksum that S3 computes for an object that came without one.
pub(super) fn own(bytes: &[u8]) -> Option<Checksum> {
    whole("crc64nvme", bytes)
}

/// The checksum of content as a whole.
pub(super) fn whole(algorithm: &str, bytes: &[u8]) -> Option<Checksum> {
    compute(algorithm, bytes).map(|value| Checksum::whole(algorithm, value))
}

/// The checksum of the checksums of parts, with their number.
pub(super) fn composite(algorithm: &str, parts: &[&str]) -> Option<Checksum> {
    let bytes: Vec<u8> = parts.iter().filter_map(|part| STANDARD.decode(part).ok()).flatten().collect();
    let value = format!("{}-{}", compute(algorithm, &bytes)?, parts.len());
    Some(Checksum { is_composite: true, ..Checksum::whole(algorithm, value) })
}

/// The entity tag of an object that was uploaded in parts.
pub(super) fn etag_of_parts(parts: &[&str]) -> String {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.as_bytes().chunks(2).filter_map(byte)).collect();
    format!("{}-{}", etag(&bytes), parts.len())
}

/// Tells of a checksum in the headers of a reply.
pub(super) fn tell(reply: Reply, checksum: &Checksum) -> Reply {
    let reply = reply.header(&format!("x-amz-checksum-{}", checksum.algorithm), checksum.value.clone());
    reply.header("x-amz-checksum-type", checksum.kind())
}

/// Some requests must carry a checksum.
pub(super) fn required(request: &Incoming) -> Result<(), ApiError> {
    if request.header("content-md5").is_none() && given(request).is_empty() {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(ApiError::bad("InvalidRequest", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_have_their_published_check_values() {
        let value = |algorithm| hex(&STANDARD.decode(compute(algorithm, b"123456789").unwrap()).unwrap());
        assert_eq!(value("crc32"), "cbf43926");
        assert_eq!(value("crc32c"), "e3069283");
        assert_eq!(value("crc64nvme"), "ae8b14860a799888");
        assert_eq!(value("sha1"), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        assert_eq!(etag(b""), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
