//! Public keys as OpenSSH writes them (RFC 4253, section 6.6): the type, and in Base64 the type again and the numbers.
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Bits of RSA keys that EC2 takes.
const BITS: [usize; 3] = [1024, 2048, 4096];

/// The type and the key, without what stands around them; nothing = it is no such line.
pub(super) fn bare(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (class, key) = (words.next()?, words.next()?);
    Some(format!("{class} {key}"))
}

/// Why EC2 would not take it. The key itself is not repeated: it may be the private one.
pub(super) fn problem(text: &str) -> Option<&'static str> {
    if text.contains("PRIVATE KEY") {
        return Some("this is a private key; take it out of the blueprint, and make a new pair if others have read it");
    }
    let mut words = text.split_whitespace();
    let (Some(class), Some(key)) = (words.next(), words.next()) else {
        return Some("a public key has a type and the key in Base64");
    };
    if !["ssh-ed25519", "ssh-rsa"].contains(&class) {
        return Some("EC2 takes keys of the types ssh-ed25519 and ssh-rsa");
    }
    let Ok(bytes) = STANDARD.decode(key) else { return Some("the key is not Base64") };
    let fields = fields(&bytes).unwrap_or_default();
    match (class, fields.as_slice()) {
        (_, [first, ..]) if *first != class.as_bytes() => Some("the key is of another type than its first word"),
        ("ssh-ed25519", [_, point]) if point.len() == 32 => None,
        ("ssh-rsa", [_, _, modulus]) if BITS.contains(&bits(modulus)) => None,
        ("ssh-rsa", [_, _, _]) => Some("an RSA key has 1024, 2048 or 4096 bits"),
        _ => Some("the key is cut off, or no key"),
    }
}

/// Texts with their lengths before them; nothing left over.
fn fields(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut out = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        out.push(field);
        bytes = rest;
    }
    bytes.is_empty().then_some(out)
}

/// Of a number whose first byte is zero where it would be negative.
fn bits(number: &[u8]) -> usize {
    let number = number.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &number[first..]);
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rsa(bits: usize) -> String {
        let mut modulus = vec![0xff; bits / 8];
        modulus.insert(0, 0);
        let fields = [b"ssh-rsa".as_slice(), &[1, 0, 1], &modulus];
        let wire =
            fields.iter().flat_map(|f| u32::try_from(f.len()).unwrap().to_be_bytes().into_iter().chain(f.to_vec()));
        format!("ssh-rsa {}", STANDARD.encode(wire.collect::<Vec<u8>>()))
    }

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqkCkTxTZtkGIGrMgWTVQS4Bv0jfVtXxKzLjHHlyDSV";

    #[test]
    fn keys_that_ec2_takes_are_told_from_others() {
        for fine in [ED25519.to_owned(), format!("{ED25519} me@laptop\n"), rsa(2048), rsa(4096)] {
            assert_eq!(problem(&fine), None, "{fine}");
        }
        let cut = &ED25519[..60];
        let other = ED25519.replace("ssh-ed25519 ", "ssh-rsa ");
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n-----END OPENSSH PRIVATE KEY-----\n";
        for wrong in ["", "ssh-ed25519", "ssh-ed25519 ÄÄ", "ssh-dss AAAA", cut, &other, private, &rsa(3072)] {
            assert!(problem(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn a_comment_does_not_count() {
        assert_eq!(bare(&format!("{ED25519}  me@laptop\n")).as_deref(), Some(ED25519));
        assert_eq!(bare("ssh-ed25519"), None);
    }
}
