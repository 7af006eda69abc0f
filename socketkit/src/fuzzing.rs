//! What holds for any bytes: the fuzzers in `fuzz/` look for bytes for which it does not, and a test
//! runs it over all that they have kept.

mod frame;
mod session;
mod text;
#[cfg(feature = "http")]
mod upgrade;

pub(crate) use frame::frame;
pub(crate) use session::session;
#[cfg(feature = "http")]
pub(crate) use upgrade::upgrade;

/// An input: how many bytes each read brings, and the bytes.
///
/// `FLAGS COUNT CUT{COUNT} BYTES..`; of `COUNT` the three lowest bits count.
struct Input<'a> {
    flags: u8,
    cuts: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let (&flags, data) = data.split_first()?;
        let (&count, data) = data.split_first()?;
        let (cuts, bytes) = data.split_at_checked((count & 7).into())?;
        Some(Self { flags, cuts, bytes })
    }

    /// What the reads bring of `bytes`: none nothing, the last one the rest.
    fn parts<'b>(&self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let (mut parts, mut rest) = (Vec::new(), bytes);
        for cut in self.cuts {
            // Short ones one by one, and longer ones up to 8 KiB.
            let length = usize::from(*cut);
            let length = if length < 128 { length } else { (length - 127) * 64 };
            let (part, behind) = rest.split_at(length.min(rest.len()));
            parts.push(part);
            rest = behind;
        }
        parts.push(rest);
        parts.retain(|part| !part.is_empty());
        parts
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    type Target = (&'static str, fn(&[u8]));

    const TARGETS: &[Target] = &[
        ("frame", super::frame),
        ("session", super::session),
        #[cfg(feature = "http")]
        ("upgrade", super::upgrade),
    ];

    #[test]
    fn all_that_the_fuzzers_have_kept_holds() {
        let mut at_fault = Vec::new();
        for (name, target) in TARGETS {
            for kept in ["seeds", "corpus", "regressions"] {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kept);
                let mut files = 0;
                for file in fs::read_dir(folder.join(name)).unwrap() {
                    let path = file.unwrap().path();
                    let input = fs::read(&path).unwrap();
                    if std::panic::catch_unwind(|| target(&input)).is_err() {
                        at_fault.push(path);
                    }
                    files += 1;
                }
                assert!(files > 0, "{kept}/{name}");
            }
        }
        assert!(at_fault.is_empty(), "it does not hold for {at_fault:#?}");
    }
}
