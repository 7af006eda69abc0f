//! What is said of how an event travels, in words.

use super::EventContract;

/// Something that holds for an event.
pub(super) struct Remark {
    /// In one or two words.
    pub(super) mark: String,
    /// As a sentence, in Markdown.
    pub(super) text: String,
}

pub(super) fn remarks(event: &EventContract) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut add = |mark: String, text: String| remarks.push(Remark { mark, text });
    if event.progress.is_some() {
        let text = "Reports its progress to who calls it, who can cancel it with a `cancel` frame.";
        add("progress".into(), text.into());
    }
    if event.volatile {
        add("volatile".into(), "Dropped where its receiver is slow to read.".into());
    }
    if let Some(fields) = &event.latest {
        let (mark, of) = match fields.len() {
            0 => ("latest".into(), String::new()),
            _ => {
                let by = fields.join(", ");
                (format!("latest by {by}"), format!(" of the same `{}`", fields.join("`, `")))
            }
        };
        let text = format!("Where its receiver is slow to read, it replaces an unsent one{of}.");
        add(mark, text);
    }
    if let Some(max) = event.max {
        let bytes = bytes(max);
        add(
            format!("max {bytes}"),
            format!("Its data is {bytes} at most; what is longer is refused with `too_large`."),
        );
    }
    if let Some(rate) = event.rate {
        let (count, burst) = (rate.count, rate.burst);
        let (short, long) = match rate.per_ms {
            1_000 => ("s".to_owned(), "second".to_owned()),
            60_000 => ("min".to_owned(), "minute".to_owned()),
            3_600_000 => ("h".to_owned(), "hour".to_owned()),
            other => (format!("{other} ms"), format!("{other} milliseconds")),
        };
        add(
            format!("{count}/{short}"),
            format!(
                "One socket may send {count} per {long}, and {burst} at once; what comes faster is \
                 refused with `too_fast`."
            ),
        );
    }
    remarks
}

/// A number of bytes in the largest unit that divides it.
fn bytes(count: usize) -> String {
    match count {
        0 => "0 bytes".into(),
        _ if count.is_multiple_of(1024 * 1024) => format!("{} MiB", count / (1024 * 1024)),
        _ if count.is_multiple_of(1024) => format!("{} KiB", count / 1024),
        _ => format!("{count} bytes"),
    }
}
