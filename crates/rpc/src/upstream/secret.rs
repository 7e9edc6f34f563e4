//! The parts of the upstream's URL that nobody else gets to read.

use percent_encoding::percent_decode_str;
use reqwest::Url;

/// Words of a path or query that are shorter are no keys: `v2`, `mainnet-beta`, `commitment`.
const KEY_CHARS_MIN: usize = 16;

/// A password may be shorter; yet one of a letter stands in every text.
const PASSWORD_CHARS_MIN: usize = 4;

/// Texts that may be keys.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Those of a URL: the user and password, long words of the path, long values of the query.
    pub(super) fn of(url: &Url) -> Self {
        let query = url.query().unwrap_or("").split('&');
        let values = query.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        let words = url.path().split('/').chain(values).chain([url.username()]);
        let long = words.filter(|word| word.len() >= KEY_CHARS_MIN);
        let password = url.password().filter(|password| password.len() >= PASSWORD_CHARS_MIN);
        let plain = |word: &str| percent_decode_str(word).decode_utf8_lossy().into_owned();
        let mut all: Vec<String> =
            long.chain(password).flat_map(|word| [word.to_owned(), plain(word)]).collect();
        all.dedup();
        Self(all)
    }

    /// Whether a text holds one of them.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn keys_are_found_wherever_a_url_has_them() {
        for url in [
            "https://rpc.test/?api-key=0123456789abcdef",
            "https://rpc.test/v2/0123456789abcdef",
            "https://rpc.test/0123456789abcdef/?commitment=confirmed",
            "https://0123456789abcdef@rpc.test/",
            "https://user:0123456789abcdef@rpc.test/",
            "https://rpc.test/?0123456789abcdef",
            "https://rpc.test/?k=0123456789%61bcdef",
        ] {
            let secrets = Secrets::of(&url.parse().unwrap());
            assert!(secrets.are_in("key 0123456789abcdef is unknown"), "{url}");
            assert!(!secrets.are_in("key is unknown: rpc.test, user, v2, confirmed"), "{url}");
        }
        assert!(Secrets::of(&"http://u:pass@rpc.test/".parse().unwrap()).are_in("u:pass"));
        assert!(!Secrets::of(&"http://rpc.test:8899/".parse().unwrap()).are_in("http://rpc.test:8899/"));
    }
}
