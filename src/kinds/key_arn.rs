//! ARNs of KMS keys, where AWS shows no other name of a key.

/// Is it the ARN of a key? An alias has one too, which names the key that it leads to at the moment.
pub(super) fn is_key(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    parts.next() == Some("arn") && parts.nth(1) == Some("kms") && parts.nth(2).is_some_and(|it| it.starts_with("key/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_what_is_none() {
        let id = "11111111-2222-3333-4444-555555555555";
        assert!(is_key(&format!("arn:aws:kms:us-east-1:111122223333:key/{id}")));
        for other in [id, "alias/data", "arn:aws:kms:us-east-1:111122223333:alias/data", "arn:aws:s3:::key/1"] {
            assert!(!is_key(other), "{other}");
        }
    }
}
