//! Where a server is, as logs may show it.

/// What is in a URL but the scheme and who logs in.
pub(super) fn address(url: &str) -> &str {
    let rest = url.rsplit_once('@').map_or(url, |(_, address)| address);
    rest.split_once("://").map_or(rest, |(_, address)| address).trim()
}
