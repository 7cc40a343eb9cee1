use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `web`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Serve gRPC-web, which browsers speak, on the same port, and with it HTTP/1.1.
    /// Default: `true`.
    pub enabled: bool,

    /// Origins whose pages may call, each as a browser names it, `https://app.example.com`; `*` stands for any, without
    /// cookies.
    /// The calls of all other pages are refused. In the environment separated by commas.
    /// Default: `[]`.
    pub allowed_origins: Vec<String>,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed_origins: Vec::new(),
        }
    }
}

/// Whether a text is an origin as browsers send it: scheme, host and perhaps a port, nothing behind it.
pub(crate) fn is_origin(text: &str) -> bool {
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]_".contains(&b);
    rest.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn origins_are_exact() {
        for good in [
            "https://app.example.com",
            "http://localhost:5173",
            "http://[::1]:8080",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://App.example.com",
            "https://*.example.com",
            "https://a b",
            "ftp://app.example.com",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
