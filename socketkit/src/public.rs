//! A folder of files beside the sockets: pages, scripts, styles.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use percent_encoding::percent_decode_str;
use std::{
    io,
    path::{Path, PathBuf},
};
use tower_http::services::{ServeDir, fs::ServeFileSystemResponseBody};
use tower_service::Service as _;

/// A body from memory or from a file.
pub(crate) type Body = Either<Full<Bytes>, ServeFileSystemResponseBody>;

/// The folder, and the headers of what it answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Public {
    folder: Option<PathBuf>,
    headers: Vec<(String, String)>,
}

/// The same, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    folder: Option<ServeDir>,
    headers: HeaderMap,
}

impl Public {
    pub(crate) fn folder(&mut self, folder: &Path) {
        self.folder = Some(folder.into());
    }

    pub(crate) fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.into(), value.into()));
    }

    /// Looks whether the folder is there and the headers are valid.
    pub(crate) fn open(self) -> io::Result<Files> {
        let mut files = Files::default();
        files.headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Else a browser keeps a page for as long as it likes.
        files.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        for (name, value) in self.headers {
            let invalid = |_| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("`{name}: {value}` is not a valid header"),
                )
            };
            let key = HeaderName::try_from(&name).map_err(|_| invalid(()))?;
            files.headers.insert(key, HeaderValue::try_from(&value).map_err(|_| invalid(()))?);
        }
        if let Some(folder) = self.folder {
            let found = std::fs::metadata(&folder).map(|found| found.is_dir());
            if !found.map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("public folder `{}`: {error}", folder.display()),
                )
            })? {
                let problem = format!("public folder `{}` is not a folder", folder.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, problem));
            }
            files.folder = Some(ServeDir::new(folder));
        }
        Ok(files)
    }
}

impl Files {
    /// Answers with a file, or 404.
    pub(crate) async fn answer<B>(&mut self, request: Request<B>) -> Response<Body>
    where
        B: Send + 'static,
    {
        let mut reply = match &mut self.folder {
            Some(folder) if !is_hidden(request.uri().path()) => {
                let Ok(reply) = folder.call(request).await;
                reply.map(Either::Right)
            }
            _ => crate::upgrade::plain(StatusCode::NOT_FOUND, "not found").map(Either::Left),
        };
        for (name, value) in &self.headers {
            reply.headers_mut().insert(name, value.clone());
        }
        reply
    }
}

/// Whether a path leads to or through a file whose name begins with a dot, but for `.well-known`
/// (RFC 8615): such files are seldom meant for everybody.
fn is_hidden(path: &str) -> bool {
    let path = percent_decode_str(path).decode_utf8_lossy();
    path.split(['/', '\\']).any(|name| name.starts_with('.') && name != ".well-known")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_begin_with_a_dot_are_hidden_however_they_are_asked_for() {
        for path in
            ["/.env", "/a/.git/config", "/%2eenv", "/a%2f.env", "/a%2F%2Eenv", "/.", "/a/.."]
        {
            assert!(is_hidden(path), "{path}");
        }
        for path in ["/", "/a.b", "/.well-known/security.txt", "/a..b/c."] {
            assert!(!is_hidden(path), "{path}");
        }
    }
}
