//! Just enough DER for a key set: the parts of an RSA public key, and a self-signed certificate for `x5c`.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0C;
const UTC_TIME: u8 = 0x17;

/// `sha256WithRSAEncryption` (1.2.840.113549.1.1.11) with its NULL parameter.
const SHA256_WITH_RSA: &[u8] =
    &[OBJECT_ID, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00];

/// `rsaEncryption` (1.2.840.113549.1.1.1) with its NULL parameter.
const RSA_ENCRYPTION: &[u8] =
    &[OBJECT_ID, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00];

/// `commonName` (2.5.4.3).
const COMMON_NAME: &[u8] = &[OBJECT_ID, 3, 0x55, 0x04, 0x03];

/// Modulus and exponent, without leading zeros, of a DER `RSAPublicKey` (RFC 8017 appendix A.1.1).
pub(crate) fn rsa_public_parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, _) = read(der, SEQUENCE)?;
    let (modulus, rest) = read(body, INTEGER)?;
    let (exponent, _) = read(rest, INTEGER)?;
    Some((strip_zeros(modulus), strip_zeros(exponent)))
}

/// A version 1 certificate (RFC 5280 §4.1) over `public_key`, a DER `RSAPublicKey`.
pub(crate) fn self_signed(public_key: &[u8], sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let algorithm = tlv(SEQUENCE, &[SHA256_WITH_RSA]);
    let common_name = tlv(SEQUENCE, &[COMMON_NAME, &tlv(UTF8_STRING, &[b"sealkit development provider"])]);
    let name = tlv(SEQUENCE, &[&tlv(SET, &[&common_name])]);
    let validity = tlv(SEQUENCE, &[&tlv(UTC_TIME, &[b"200101000000Z"]), &tlv(UTC_TIME, &[b"491231235959Z"])]);
    let key = tlv(SEQUENCE, &[&tlv(SEQUENCE, &[RSA_ENCRYPTION]), &tlv(BIT_STRING, &[&[0], public_key])]);
    let serial = tlv(INTEGER, &[&[1]]);
    let to_be_signed = tlv(SEQUENCE, &[&serial, &algorithm, &name, &validity, &name, &key]);
    let signature = sign(&to_be_signed)?;
    Some(tlv(SEQUENCE, &[&to_be_signed, &algorithm, &tlv(BIT_STRING, &[&[0], &signature])]))
}

/// Splits one element with `tag` off the front: (contents, rest).
fn read(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |n, byte| (n << 8) | usize::from(*byte)), rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    (found == tag).then_some((contents, rest))
}

fn strip_zeros(mut integer: &[u8]) -> &[u8] {
    while let Some((0, rest)) = integer.split_first() {
        integer = rest;
    }
    integer
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let significant = strip_zeros(&bytes);
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
            out.extend_from_slice(significant);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_and_read_in_both_forms() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let contents = vec![9; length];
            let element = tlv(INTEGER, &[&contents]);
            assert_eq!(read(&element, INTEGER), Some((contents.as_slice(), &[][..])), "{length}");
            assert_eq!(read(&element, SEQUENCE), None);
        }
    }

    #[test]
    fn a_short_element_is_no_element() {
        assert_eq!(read(&[INTEGER, 5, 1, 2], INTEGER), None);
        assert_eq!(read(&[INTEGER], INTEGER), None);
        assert_eq!(rsa_public_parts(&[SEQUENCE, 2, INTEGER, 0]), None);
    }

    #[test]
    fn leading_zeros_are_no_part_of_the_number() {
        let der = tlv(SEQUENCE, &[&tlv(INTEGER, &[&[0, 0x80]]), &tlv(INTEGER, &[&[1, 0, 1]])]);
        assert_eq!(rsa_public_parts(&der), Some((&[0x80][..], &[1, 0, 1][..])));
    }
}
