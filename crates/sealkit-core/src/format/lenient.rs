//! Passwords that are base64 of 32 bytes, read as leniently as the SDKs read them.

use zeroize::Zeroizing;

/// 32 bytes in characters of 6 bits; the last two bits are nobody's, and both languages ignore them.
const CHARACTERS: usize = 43;

/// A key, gone from memory when it is dropped.
pub(super) type Bytes32 = Zeroizing<[u8; 32]>;

/// Python's `urlsafe_b64decode`: both alphabets, foreign characters are dropped, the `=` must be there and ends the text.
pub(super) fn as_python(password: &str) -> Option<Bytes32> {
    // Python refuses such a text as a whole.
    if !password.is_ascii() {
        return None;
    }
    let mut key = Sextets::default();
    let mut pads = 0;
    for byte in password.bytes() {
        let sextet = match byte {
            b'=' => {
                let quad = key.count % 4;
                if quad >= 2 {
                    pads += 1;
                    if quad + pads >= 4 {
                        return key.bytes();
                    }
                }
                continue;
            }
            b'-' => Some(62),
            b'_' => Some(63),
            byte => standard(byte),
        };
        if let Some(sextet) = sextet {
            pads = 0;
            key.push(sextet)?;
        }
    }
    None
}

/// PHP's `base64_decode` without its strict flag: foreign characters and `=` are dropped wherever they stand.
pub(super) fn as_php(password: &str) -> Option<Bytes32> {
    let mut key = Sextets::default();
    for sextet in password.bytes().filter_map(standard) {
        key.push(sextet)?;
    }
    key.bytes()
}

/// The value of a character of the standard alphabet.
const fn standard(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// The characters of a key, by their values.
struct Sextets {
    found: Zeroizing<[u8; CHARACTERS]>,
    count: usize,
}

impl Default for Sextets {
    fn default() -> Self {
        Self { found: Zeroizing::new([0; CHARACTERS]), count: 0 }
    }
}

impl Sextets {
    /// `None` when there are too many.
    fn push(&mut self, sextet: u8) -> Option<()> {
        *self.found.get_mut(self.count)? = sextet;
        self.count += 1;
        Some(())
    }

    /// `None` when there are too few.
    fn bytes(&self) -> Option<Bytes32> {
        let mut key = Zeroizing::new([0; 32]);
        // Four characters are three bytes; the last three are two and some.
        for (to, from) in key.chunks_mut(3).zip(self.found.chunks(4)) {
            let quad =
                from.iter().chain(&[0]).take(4).fold(0, |bits: u32, sextet| bits << 6 | u32::from(*sextet));
            for (to, byte) in to.iter_mut().zip(quad.to_be_bytes().into_iter().skip(1)) {
                *to = byte;
            }
        }
        (self.count == CHARACTERS).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE},
    };
    use proptest::prelude::*;

    const KEY: &str = "++//++//++//++//++//++//++//++//++//++//+gE=";

    fn read(reader: fn(&str) -> Option<Bytes32>, password: &str) -> Option<[u8; 32]> {
        reader(password).map(|key| *key)
    }

    #[test]
    fn python_takes_both_alphabets_and_drops_what_is_in_neither() {
        let key: [u8; 32] = STANDARD.decode(KEY).unwrap().try_into().unwrap();
        let mixed = KEY.replacen('+', "-", 3).replacen('/', "_", 4);
        for password in [KEY, &mixed, &format!(" {}\n", KEY.replace("//", "/.\0/")), &format!("={KEY}==AAAA")]
        {
            assert_eq!(read(as_python, password), Some(key), "{password:?}");
        }
        // The last two bits of 43 characters are no part of the key.
        assert_eq!(read(as_python, &KEY.replace("gE=", "gH=")), Some(key));
    }

    #[test]
    fn python_refuses_what_is_not_32_bytes_with_their_padding() {
        for password in [
            "",
            "=",
            "0123456789abcdefghijklmnopqrstuv",
            "0123456789abcdefghijklmnopqrstuv01234567",
            "f35184a3a9dc74b56b3716c7d2baecfc2a13a5ddc5b4d179097fcd7938747702",
            "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc",
            "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBcA",
            "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBcA=",
            "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYB==",
            "xXM=zDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc=",
            "xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc=\u{e9}",
            "\u{e9}xXMzDBjDQvBC4krSwvnZwP_4jv3_thVQSd-M3uRLYBc=",
        ] {
            assert_eq!(read(as_python, password), None, "{password:?}");
        }
    }

    #[test]
    fn php_drops_everything_but_the_standard_alphabet_and_needs_no_padding() {
        let key: [u8; 32] = STANDARD.decode(KEY).unwrap().try_into().unwrap();
        for password in [KEY, &KEY[..43], &format!("-_\u{e9} {}", KEY.replace("//", "/=\n/"))] {
            assert_eq!(read(as_php, password), Some(key), "{password:?}");
        }
        for password in ["", "short", &KEY[..42], &format!("{}A", &KEY[..43]), &KEY.replace('+', "-")] {
            assert_eq!(read(as_php, password), None, "{password:?}");
        }
    }

    proptest! {
        #[test]
        fn any_32_bytes_come_back(key: [u8; 32]) {
            prop_assert_eq!(read(as_python, &URL_SAFE.encode(key)), Some(key));
            prop_assert_eq!(read(as_python, &STANDARD.encode(key)), Some(key));
            prop_assert_eq!(read(as_php, &STANDARD.encode(key)), Some(key));
        }
    }
}
