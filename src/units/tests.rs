//! Each unit: what is read, its canonical text, and the right form that an error names.

use super::*;

fn canonical<T: std::str::FromStr<Err = UnitError> + std::fmt::Display>(text: &str) -> String {
    text.parse::<T>().unwrap().to_string()
}

fn wrong<T: std::str::FromStr<Err = UnitError> + std::fmt::Debug>(text: &str) -> String {
    text.parse::<T>().unwrap_err().to_string()
}

#[test]
fn canonical_texts() {
    for (given, want) in [
        ("9600 GiB", "9600 GiB"),
        ("9600GiB", "9600 GiB"),
        ("1 TiB", "1024 GiB"),
        ("512 MiB", "512 MiB"),
        ("0 B", "0 GiB"),
    ] {
        assert_eq!(canonical::<Size>(given), want);
    }
    for (given, want) in [
        ("72h", "72h"),
        ("90m", "1h30m"),
        ("30d", "30d"),
        ("3d", "72h"),
        ("45s", "45s"),
        ("1h30m", "1h30m"),
        ("0s", "0s"),
    ] {
        assert_eq!(canonical::<Span>(given), want);
    }
    for (given, want) in [
        ("60 USD/h", "60 USD/h"),
        ("60.50 USD/hour", "60.5 USD/h"),
        ("70000 USD", "70000 USD"),
        ("5 USD/month", "5 USD/month"),
    ] {
        assert_eq!(canonical::<Money>(given), want);
    }
    assert_eq!(canonical::<PerTib>("500 MB/s/TiB"), "500 MB/s/TiB");
    assert_eq!(canonical::<Bandwidth>("1 GiB/s"), "1024 MiB/s");
    assert_eq!(canonical::<Cidr>("10.20.0.0/16"), "10.20.0.0/16");
}

#[test]
fn errors_name_the_right_form() {
    for (message, want) in [
        (wrong::<Size>("9.6 TiB"), "write `9600 GiB` (AWS calls that 9.6 TiB)"),
        (wrong::<Size>("9600"), "write `9600 GiB`"),
        (wrong::<Size>("100 GB"), "write `100 GiB`"),
        (wrong::<Size>("1.5 GiB"), "write `1536 MiB`"),
        (wrong::<Size>("99999999999999 PiB"), "too large"),
        (wrong::<Size>("large"), "such as `9600 GiB`"),
        (wrong::<PerTib>("500"), "write `500 MB/s/TiB`"),
        (wrong::<PerTib>("500 MB/s"), "write `500 MB/s/TiB`"),
        (wrong::<Bandwidth>("125"), "write `125 MiB/s`"),
        (wrong::<Bandwidth>("125 MB/s"), "write `125 MiB/s`"),
        (wrong::<Span>("72"), "write `72h`"),
        (wrong::<Span>("30m1h"), "from large to small"),
        (wrong::<Span>("1.5h"), "only whole numbers"),
        (wrong::<Span>(""), "it is empty"),
        (wrong::<Money>("60"), "write `60 USD/h`"),
        (wrong::<Money>("$60"), "write `60 USD`"),
        (wrong::<Money>("60 EUR"), "write `60 USD`"),
        (wrong::<Cidr>("10.20.0.1/16"), "write `10.20.0.0/16`"),
        (wrong::<Cidr>("10.20.0.1"), "write `10.20.0.1/32`"),
        (wrong::<Cidr>("10.20.0.0/33"), "from 0 to 32"),
    ] {
        assert!(message.contains(want), "{message} should contain {want}");
    }
}

#[test]
fn arithmetic_is_checked() {
    let gib = Size::from_gib;
    assert_eq!(gib(1).checked_add(gib(2)), Some(gib(3)));
    assert_eq!(gib(1).checked_sub(gib(2)), None);
    assert_eq!(Size::from_bytes(u64::MAX).checked_add(Size::from_bytes(1)), None);
    assert_eq!(gib(3).ratio(gib(2)).unwrap().normalize().to_string(), "1.5");
    assert_eq!(gib(3).ratio(gib(0)), None);
    let hourly: Money = "60 USD/h".parse().unwrap();
    let once: Money = "60 USD".parse().unwrap();
    assert_eq!(hourly.checked_add(once), None);
    assert_eq!(hourly.partial_cmp(&once), None);
    let net: Cidr = "10.0.0.0/16".parse().unwrap();
    assert_eq!(net.subnet(8, 3).unwrap().to_string(), "10.0.3.0/24");
    assert_eq!(net.subnet(8, 256), None);
    assert_eq!(net.subnet(17, 0), None);
    assert_eq!(net.host(-1).unwrap().to_string(), "10.0.255.255");
    let all: Cidr = "0.0.0.0/0".parse().unwrap();
    assert_eq!(all.subnet(0, 0), Some(all));
    assert_eq!(all.addresses(), 1 << 32);
}

#[test]
fn json_is_the_canonical_text() {
    let size: Size = serde_json::from_value("1 TiB".into()).unwrap();
    assert_eq!(serde_json::to_value(size).unwrap(), "1024 GiB");
    let schema = schemars::schema_for!(Size);
    assert_eq!(schema.as_value()["x-dlinfra"], "size");
}

/// Whatever a help text proposes after "write" is read.
fn proposals_are_read<T: std::str::FromStr<Err = UnitError>>(texts: &[&str]) {
    for text in texts {
        let Err(e) = text.parse::<T>() else { panic!("`{text}` is read") };
        let (_, after) = e.help.split_once("write").unwrap_or_else(|| panic!("`{text}`: {}", e.help));
        let after = after.split(" (AWS").next().unwrap();
        let proposed: Vec<&str> = after.split('`').skip(1).step_by(2).collect();
        assert!(!proposed.is_empty(), "`{text}`: {}", e.help);
        for form in proposed {
            assert!(form.parse::<T>().is_ok(), "`{text}`: `{form}` is refused: {}", e.help);
        }
    }
}

#[test]
fn every_form_that_a_help_text_proposes_is_accepted() {
    proposals_are_read::<Size>(&[
        "",
        "x",
        "5",
        "2.4",
        "2.4 TB",
        "2.4 TiB",
        "9.6TB",
        "1.5 GB",
        "100 GB",
        "1.3 GiB",
        "1,200 GiB",
        "1_200 GiB",
        "10 gib",
        "1,200",
        "3 K",
        "0.5 PB",
        "5 apples",
        "-5 GiB",
    ]);
    proposals_are_read::<Money>(&[
        "",
        "x",
        "$400",
        "$ 400",
        "$1,200.50",
        "$400/h",
        "$400/hour",
        "$400 per month",
        "400",
        "400 USD/week",
        "400 EUR",
        "1,000 USD",
        "400 dollars",
        "$",
        "€5",
        "1_000 USD/h",
        "400$",
        "USD 400",
    ]);
    proposals_are_read::<Span>(&[
        "",
        "x",
        "3",
        "3 days",
        "2 weeks",
        "1w",
        "1.5h",
        "90 minutes",
        "1h 30",
        "5 years",
        "-1h",
        "1m1h",
        "99999999d",
    ]);
    proposals_are_read::<PerTib>(&["", "x", "500", "0.5 MB/s/TiB", "500 MB/s", "1_000", "99999999999999999999"]);
    proposals_are_read::<Bandwidth>(&["", "x", "125", "125 MB/s", "1.5 GiB/s", "1_000", "99999999999999999999 GiB/s"]);
}
