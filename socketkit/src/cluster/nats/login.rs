//! Who a node is for NATS.

use crate::cluster::engine::EngineError;
use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

/// See the module.
#[derive(Clone)]
pub(super) enum Login {
    /// As the URL says, if it does.
    OfUrl,
    Token(String),
    User(String, String),
    CredentialsFile(PathBuf),
    Nkey(String),
}

impl Login {
    pub(super) async fn apply(
        &self,
        options: ConnectOptions,
        servers: &[ServerAddr],
    ) -> Result<ConnectOptions, EngineError> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        Ok(match self {
            Self::Token(token) => options.token(token.clone()),
            Self::User(name, password) => options.user_and_password(name.clone(), password.clone()),
            Self::Nkey(seed) => options.nkey(seed.clone()),
            Self::CredentialsFile(path) => {
                let unread = |error| format!("credentials of {}: {error}", path.display());
                options.credentials_file(path).await.map_err(unread)?
            }
            // The client leaves it aside.
            Self::OfUrl => match servers.iter().find(|server| server.has_user_pass()) {
                Some(server) => {
                    let name = decoded(server.username().unwrap_or_default())?;
                    match server.password() {
                        Some(password) => options.user_and_password(name, decoded(password)?),
                        None => options.token(name),
                    }
                }
                None => options,
            },
        })
    }
}
