//! Sizes and rates, as they are written.

use syn::{Error, Lit, LitInt, LitStr, Result};

/// Units of sizes, in bytes.
const UNITS: [(&str, u64); 6] =
    [("", 1), ("B", 1), ("KB", 1_000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20)];

/// A size in bytes, below 4 GiB.
pub(crate) fn size(told: &Lit) -> Result<u32> {
    let expected =
        "a number of bytes or of `B`, `KB`, `KiB`, `MB`, `MiB`: `max = 512`, `max = \"4KiB\"`";
    let text = match told {
        Lit::Int(int) => int.to_string(),
        Lit::Str(text) => text.value(),
        _ => return Err(Error::new(told.span(), format!("expected {expected}"))),
    };
    let refuse =
        |reason: &str| Err(Error::new(told.span(), format!("{reason}; expected {expected}")));
    let plain = match told {
        // `0x200` and `4_096` are integers as well.
        Lit::Int(int) if int.suffix().is_empty() => {
            int.base10_parse::<u64>().ok().map(|size| (size, ""))
        }
        Lit::Str(_) => counted(&text),
        _ => None,
    };
    let unit = |(count, unit)| {
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
        Some((count, *bytes))
    };
    let Some((count, bytes)) = plain.and_then(unit) else {
        return refuse(&format!("`{text}` is not a size"));
    };
    match count.checked_mul(bytes).map(u32::try_from) {
        Some(Ok(0)) => refuse("nothing has a payload of 0 bytes"),
        Some(Ok(size)) => Ok(size),
        _ => {
            let reason =
                format!("`{text}` is more than a frame can have; expected less than 4 GiB");
            Err(Error::new(told.span(), reason))
        }
    }
}

/// A number, and the unit behind it.
fn counted(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at_checked(digits)?;
    Some((count.parse().ok()?, unit.trim_start()))
}

/// Units of rates, in seconds.
const TIMES: [(&str, u64); 3] = [("/s", 1), ("/min", 60), ("/h", 3_600)];

/// How many events in how many seconds, and the unit as it is written.
pub(crate) fn pace(told: &LitStr) -> Result<(u32, u64, &'static str)> {
    let text = told.value();
    let refuse = |reason: String| {
        let expected = "expected how many in a second, a minute or an hour: `\"5/s\"`, `\"90/min\"`, `\"10/h\"`";
        Err(Error::new(told.span(), format!("{reason}; {expected}")))
    };
    let known = counted(&text).and_then(|(count, unit)| {
        let (unit, seconds) = TIMES.iter().find(|(name, _)| *name == unit)?;
        Some((u32::try_from(count).ok()?, *seconds, *unit))
    });
    match known {
        Some((0, ..)) => refuse("an event that may never come cannot be sent".to_owned()),
        Some(pace) => Ok(pace),
        None => refuse(format!("`{text}` is not a rate")),
    }
}

/// How many events, at least one.
pub(crate) fn number(told: &LitInt) -> Result<u32> {
    match told.base10_parse::<u32>() {
        Ok(0) => Err(Error::new(told.span(), "at least one has to be taken at once: `burst = 1`")),
        Ok(number) if told.suffix().is_empty() => Ok(number),
        _ => Err(Error::new(told.span(), "expected a number of events: `burst = 10`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    fn lit(text: &str) -> Lit {
        syn::parse_str(text).expect("a literal")
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("512", 512),
            ("4_096", 4_096),
            ("0x10", 16),
            ("\"512\"", 512),
            ("\"1B\"", 1),
            ("\"4KB\"", 4_000),
            ("\"4KiB\"", 4_096),
            ("\"4 KiB\"", 4_096),
            ("\"2MB\"", 2_000_000),
            ("\"2MiB\"", 2_097_152),
            ("\"4294967295\"", u32::MAX),
        ] {
            assert_eq!(size(&lit(text)).ok(), Some(bytes), "{text}");
        }
        for text in [
            "0",
            "512u8",
            "1.5",
            "true",
            "'1'",
            "\"\"",
            "\"0KiB\"",
            "\"KiB\"",
            "\"4kb\"",
            "\"4K\"",
            "\"-1\"",
            "\"+1\"",
            "\"1.5KiB\"",
            "\"4GiB\"",
            "\" 4\"",
            "\"4294967296\"",
            "\"18446744073709551616\"",
            "\"18446744073709551615MiB\"",
            "\"٤\"",
        ] {
            assert!(size(&lit(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_have_units() {
        for (text, count, seconds) in [("5/s", 5, 1), ("90/min", 90, 60), ("10 /h", 10, 3_600)] {
            let pace = pace(&LitStr::new(text, Span::call_site())).ok();
            assert_eq!(pace.map(|(count, seconds, _)| (count, seconds)), Some((count, seconds)));
        }
        for text in ["", "5", "/s", "0/s", "5/m", "5/sec", "5/ s", "5s", "1.5/s", "4294967296/s"] {
            assert!(pace(&LitStr::new(text, Span::call_site())).is_err(), "{text}");
        }
    }
}
