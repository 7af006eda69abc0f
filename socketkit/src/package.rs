//! The browser client as files of a program's own: for editors, bundlers and Node.

use crate::browser::Files;
use std::{fs, io, path::Path};

/// The client that a server serves to its pages, as files: from
/// [`Service::browser_client`](crate::Service::browser_client).
///
/// A page needs none of them: it imports `/ws/client.js` from its server. They are for editors, which show
/// the types of events where a page handles them, and for programs that are bundled or run under Node.
///
/// ```no_run
/// # use socketkit::{NoEvents, NoMember, NoRoom, Protocol, Server};
/// # struct Forum;
/// # impl Protocol for Forum { type Client = NoEvents; type Server = NoEvents; type Room = NoRoom; type Member = NoMember; }
/// # fn main() -> std::io::Result<()> {
/// let service = Server::<Forum>::new().build();
/// # #[cfg(feature = "schema")]
/// service.browser_client().write_package("web/forum-client", "forum-client", env!("CARGO_PKG_VERSION"))?;
/// // axum::Router::new().nest_service("/ws", service)
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BrowserClient {
    files: Files,
}

impl BrowserClient {
    pub(crate) fn new(files: Files) -> Self {
        Self { files }
    }

    /// The files by their names, as they are served: `client.js` and all that belongs to it.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter()
    }

    /// Writes the files into a folder, which is made if it is not there. What is there already with the
    /// same content is not touched; what is none of these files stays.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn write(&self, folder: impl AsRef<Path>) -> io::Result<()> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder)?;
        self.files().try_for_each(|(name, content)| write(&folder.join(name), content))
    }

    /// Writes the files as [`write`](Self::write) does, with a `package.json`: `npm install ./FOLDER` gives
    /// programs `import { connect } from "NAME"`, with types.
    ///
    /// The package has a version of its own for each contract: `version`, such as
    /// `env!("CARGO_PKG_VERSION")`, and the [hash](crate::Contract::hash), as in
    /// `1.2.0-contract-7f3c09d1a2b4e586`. There the URL of the server has to be given:
    /// `connect("wss://example.org/ws")`.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    #[cfg(feature = "schema")]
    pub fn write_package(
        &self,
        folder: impl AsRef<Path>,
        name: &str,
        version: &str,
    ) -> io::Result<()> {
        let folder = folder.as_ref();
        self.write(folder)?;
        // What is built of one source has no order.
        let version = version.split_once('+').map_or(version, |(version, _)| version);
        let separator = if version.contains('-') { '.' } else { '-' };
        let package = serde_json::json!({
            "name": name,
            "version": format!("{version}{separator}contract-{}", self.files.schema().unwrap_or_default()),
            "description": "The client of a socketkit server, written by it",
            "type": "module",
            "exports": {
                ".": { "types": "./client.d.ts", "default": "./client.js" },
                "./socketkit.js": { "types": "./socketkit.d.ts", "default": "./socketkit.js" },
                "./contract.json": "./contract.json",
                "./package.json": "./package.json",
            },
            "types": "./client.d.ts",
        });
        write(&folder.join("package.json"), format!("{package:#}\n").as_bytes())
    }
}

/// Whoever watches the file is not told of what is no change.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|known| known == content) {
        return Ok(());
    }
    fs::write(path, content)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
