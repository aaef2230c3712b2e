//! CBOR (RFC 8949), as far as the protocol `rpc-v2-cbor` uses it: to and from JSON values.
//!
//! Bytes become base64, as JSON protocols write them; tags are read through, so that a time is a number.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::model::{Cursor, Kind};

/// Structures deeper than any request of AWS are refused, so that none can exhaust the stack.
const DEEPEST: usize = 64;

/// Reads one value; there must be nothing after it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err("bytes after the end".to_owned()) }
}

struct Reader<'b> {
    rest: &'b [u8],
}

/// How long something is; `None` until a break.
type Length = Option<usize>;

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("the value ends early")?;
        self.rest = rest;
        Ok(taken)
    }

    /// Major type, the five bits beside it, and the number that they stand for.
    fn head(&mut self) -> Result<(u8, u8, u64), String> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        let number = match info {
            0..=23 => u64::from(info),
            24..=27 => self.take(1 << (info - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            31 => 0,
            _ => return Err(format!("{info} is not a length")),
        };
        Ok((major, info, number))
    }

    fn length(info: u8, number: u64) -> Result<Length, String> {
        if info == 31 {
            return Ok(None);
        }
        usize::try_from(number).map(Some).map_err(|_| "too long".to_owned())
    }

    /// Whether a break ends what has no length.
    fn ends(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0xff, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Texts and bytes, in one piece or in several.
    fn string(&mut self, major: u8, length: Length) -> Result<Vec<u8>, String> {
        if let Some(length) = length {
            return Ok(self.take(length)?.to_vec());
        }
        let mut out = Vec::new();
        while !self.ends() {
            let (inner, info, number) = self.head()?;
            match Self::length(info, number)? {
                Some(length) if inner == major => out.extend_from_slice(self.take(length)?),
                _ => return Err("a piece of another kind".to_owned()),
            }
        }
        Ok(out)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        let (major, info, number) = self.head()?;
        match major {
            0 => Ok(number.into()),
            1 => Ok(i64::try_from(number).map(|number| -1 - number).map_err(|_| "too small a number")?.into()),
            2 => Ok(STANDARD.encode(self.string(major, Self::length(info, number)?)?).into()),
            3 => {
                let bytes = self.string(major, Self::length(info, number)?)?;
                Ok(String::from_utf8(bytes).map_err(|_| "a text that is not UTF-8")?.into())
            }
            4 => {
                let length = Self::length(info, number)?;
                let mut items = Vec::new();
                while length.map_or_else(|| !self.ends(), |length| items.len() < length) {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::Array(items))
            }
            5 => {
                let length = Self::length(info, number)?;
                let (mut fields, mut count) = (Map::new(), 0);
                while length.map_or_else(|| !self.ends(), |length| count < length) {
                    count += 1;
                    match self.value(depth + 1)? {
                        Value::String(name) => fields.insert(name, self.value(depth + 1)?),
                        _ => return Err("a key that is not a text".to_owned()),
                    };
                }
                Ok(Value::Object(fields))
            }
            6 => self.value(depth + 1),
            _ => match info {
                20 => Ok(false.into()),
                21 => Ok(true.into()),
                22 | 23 => Ok(Value::Null),
                25 => Ok(half(u16::try_from(number).unwrap_or_default()).into()),
                26 => Ok(f64::from(f32::from_bits(u32::try_from(number).unwrap_or_default())).into()),
                27 => Ok(f64::from_bits(number).into()),
                _ => Err(format!("the simple value {number}")),
            },
        }
    }
}

/// A number of 16 bits: sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Writes a value, of a type or of none: CBOR has types that JSON does not have, and clients insist on them.
pub(crate) fn encode(value: &Value, of: Option<Cursor<'_>>) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, of, &mut out);
    out
}

/// The tag of a time in seconds.
const TIME: u8 = 0xc1;

fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let (info, size) = match number {
        0..=23 => (number.to_be_bytes()[7], 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(&number.to_be_bytes()[8 - size..]);
}

fn float(number: f64, out: &mut Vec<u8>) {
    out.push(0xfb);
    out.extend_from_slice(&number.to_bits().to_be_bytes());
}

fn write(value: &Value, of: Option<Cursor<'_>>, out: &mut Vec<u8>) {
    let kind = of.map_or(Kind::Other, Cursor::kind);
    match (kind, value) {
        (Kind::Timestamp, Value::Number(number)) => {
            out.push(TIME);
            return float(number.as_f64().unwrap_or_default(), out);
        }
        (Kind::Float, Value::Number(number)) => return float(number.as_f64().unwrap_or_default(), out),
        (Kind::Blob, Value::String(text)) => {
            let bytes = STANDARD.decode(text).unwrap_or_default();
            head(2, bytes.len() as u64, out);
            return out.extend_from_slice(&bytes);
        }
        _ => {}
    }
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(flag) => out.push(if *flag { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number, out),
            (None, Some(number)) => head(1, number.unsigned_abs() - 1, out),
            (None, None) => float(number.as_f64().unwrap_or_default(), out),
        },
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| write(item, of.map(Cursor::inner), out));
        }
        Value::Object(fields) => {
            head(5, fields.len() as u64, out);
            for (name, value) in fields {
                head(3, name.len() as u64, out);
                out.extend_from_slice(name.as_bytes());
                let of = of.map(|of| if kind == Kind::Map { of.inner() } else { of.member(name) });
                write(value, of, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_as_they_went() {
        let value = json!({
            "text": "ü", "none": null, "yes": true, "list": [0, 23, 24, 255, 256, 65536, 4_294_967_296_u64, -1, -500],
            "float": 1.5, "deep": {"a": {"b": []}}
        });
        assert_eq!(decode(&encode(&value, None)).unwrap(), value);
    }

    #[test]
    fn types_are_those_of_the_model() {
        let facts = json!({"operations": {"Get": {"output": "Out"}}, "shapes": {
            "Out": {"type": "structure", "members": {"At": "Time", "Values": "Floats", "Raw": "Blob", "Count": "Int"}},
            "Time": {"type": "timestamp"}, "Floats": {"type": "list", "member": "Float"},
            "Float": {"type": "double"}, "Blob": {"type": "blob"}, "Int": {"type": "integer"}
        }});
        let facts = crate::model::Facts::read(&facts.to_string());
        let bytes = |value: Value| encode(&value, Some(facts.told("Get")));
        assert_eq!(bytes(json!({"At": 1})), b"\xa1\x62At\xc1\xfb\x3f\xf0\0\0\0\0\0\0");
        assert_eq!(bytes(json!({"Values": [1]})), b"\xa1\x66Values\x81\xfb\x3f\xf0\0\0\0\0\0\0");
        assert_eq!(bytes(json!({"Raw": "AQI=", "Count": 1})), b"\xa2\x65Count\x01\x63Raw\x42\x01\x02");
    }

    #[test]
    fn what_has_no_length_ends_with_a_break() {
        // From the examples of the RFC, and one of each that AWS's clients send.
        assert_eq!(decode(b"\xbf\x61a\x01\x61b\x9f\x02\x03\xff\xff").unwrap(), json!({"a": 1, "b": [2, 3]}));
        assert_eq!(decode(b"\x7f\x65strea\x64ming\xff").unwrap(), json!("streaming"));
        assert_eq!(decode(b"\xc1\x1a\x51\x4b\x67\xb0").unwrap(), json!(1_363_896_240));
        assert_eq!(decode(b"\xf9\x3e\x00").unwrap(), json!(1.5));
        assert_eq!(decode(b"\x44\x01\x02\x03\x04").unwrap(), json!("AQIDBA=="));
        for wrong in [&b"\x61"[..], b"\x9f\x01", b"\xa1\x01\x02", b"\x01\x01", &[0x81; 100]] {
            assert!(decode(wrong).is_err(), "{wrong:?}");
        }
    }
}
