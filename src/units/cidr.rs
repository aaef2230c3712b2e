//! IPv4 address ranges: `10.20.0.0/16`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;

use super::{UnitError, text_form};

/// An IPv4 range whose host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(Ipv4Net);

impl Cidr {
    /// `0.0.0.0/0`.
    pub const EVERYWHERE: Self = Self(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));

    /// The range, when the host bits are zero and the prefix is at most 32.
    #[must_use]
    pub fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        Ipv4Net::new(address, prefix).ok().filter(|net| net.network() == net.addr()).map(Cidr)
    }

    /// The first address.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        self.0.network()
    }

    /// The last address.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        self.0.broadcast()
    }

    /// The length of the prefix.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    /// The mask as an address.
    #[must_use]
    pub fn netmask(self) -> Ipv4Addr {
        self.0.netmask()
    }

    /// How many addresses there are.
    #[must_use]
    pub fn addresses(self) -> u64 {
        1 << (32 - u32::from(self.prefix()))
    }

    /// Whether the whole of another range is in this one.
    #[must_use]
    pub fn covers(self, other: Cidr) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Cidr) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The `number`th subrange whose prefix is `new_bits` longer.
    #[must_use]
    pub fn subnet(self, new_bits: u8, number: u64) -> Option<Cidr> {
        let prefix = self.prefix().checked_add(new_bits).filter(|p| *p <= 32)?;
        if number >= 1_u64 << u32::from(new_bits) {
            return None;
        }
        let offset = number.checked_shl(32 - u32::from(prefix))?;
        let start = u64::from(u32::from(self.network())).checked_add(offset)?;
        Cidr::new(Ipv4Addr::from(u32::try_from(start).ok()?), prefix)
    }

    /// The `number`th address; negative numbers count from the end.
    #[must_use]
    pub fn host(self, number: i64) -> Option<Ipv4Addr> {
        let count = i64::try_from(self.addresses()).ok()?;
        let index = if number < 0 { count.checked_add(number)? } else { number };
        if !(0..count).contains(&index) {
            return None;
        }
        u32::from(self.network()).checked_add(u32::try_from(index).ok()?).map(Ipv4Addr::from)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cidr {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let not = |why: &str, help: String| UnitError::new(format!("`{text}` is not an IPv4 range: {why}"), help);
        let example = || "write for example `10.20.0.0/16`".to_string();
        let Some((address, prefix)) = text.split_once('/') else {
            let help = match text.parse::<Ipv4Addr>() {
                Ok(_) => format!("write `{text}/32` for this one address"),
                Err(_) => example(),
            };
            return Err(not("the `/prefix` is missing", help));
        };
        let Ok(address) = address.parse::<Ipv4Addr>() else {
            return Err(not("the address is four numbers from 0 to 255", example()));
        };
        let Some(prefix) = prefix.parse::<u8>().ok().filter(|p| *p <= 32 && !prefix.starts_with('+')) else {
            return Err(not("the prefix is a number from 0 to 32", example()));
        };
        let Ok(net) = Ipv4Net::new(address, prefix) else {
            return Err(not("the prefix is a number from 0 to 32", example()));
        };
        if net.network() != address {
            return Err(not("bits after the prefix are set", format!("write `{}`", net.trunc())));
        }
        Ok(Cidr(net))
    }
}

text_form!(Cidr, "Cidr", "cidr", "An IPv4 range whose host bits are zero", "10.20.0.0/16");
