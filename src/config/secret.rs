//! API keys and tokens written as text where only a reference to a Secret belongs.

/// Variables that hold nothing else.
const SECRET: [&str; 6] = [
    "DD_API_KEY",
    "DD_APP_KEY",
    "DD_APPLICATION_KEY",
    "DD_CLUSTER_AGENT_AUTH_TOKEN",
    "DD_LOGS_CONFIG_API_KEY",
    "DD_APM_CONFIG_API_KEY",
];

/// Parts of the names of variables whose value may be, or may contain, a key.
const SUSPICIOUS: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "ENDPOINTS"];

/// Whether the value of a variable is a literal key or token. Neither `ENC[…]`, the agent's secret-backend form, nor `$(…)`,
/// a reference to another variable, is one.
pub(super) fn is_literal(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let reference = |open: &str, close: char| {
        value
            .trim()
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inner| !inner.contains(close))
    };
    if reference("ENC[", ']') || reference("$(", ')') {
        return false;
    }
    SECRET.contains(&name.as_str()) || SUSPICIOUS.iter().any(|part| name.contains(part)) && holds_key(value)
}

/// Keys of checks that end so hold nothing but a secret; those of files and switches end otherwise.
const SECRET_IN_CHECKS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "pass",
    "token",
    "secret",
    "secret_key",
    "access_key",
    "api_key",
    "apikey",
    "app_key",
    "application_key",
    "authorization",
    "authkey",
    "privkey",
    "community_string",
];

/// Whether the value of a key in a check is a literal password or token. Neither `ENC[…]`, nor a text with `%%env_…%%` in it,
/// a variable of the agent's, is one.
pub(super) fn is_open_in_check(key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let enclosed = value.trim().strip_prefix("ENC[").is_some_and(|rest| rest.ends_with(']'));
    let named = value.split_once("%%env_").is_some_and(|(_, rest)| rest.contains("%%"));
    let secret = SECRET_IN_CHECKS.iter().any(|word| {
        key.strip_suffix(word)
            .is_some_and(|before| before.is_empty() || before.ends_with('_') || word.len() > 4)
    });
    !value.is_empty()
        && !enclosed
        && !named
        && (secret || is_in_address(value) || value.contains("PRIVATE KEY-----"))
}

/// Whether a text contains an address with a password in it.
pub(super) fn is_in_address(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
        password.is_some_and(|password| {
            !password.is_empty() && !password.starts_with("$(") && !password.starts_with("%%")
        })
    })
}

/// Whether a text contains a run of exactly 32 or 40 hexadecimal digits: an API key, a token, an application key.
fn holds_key(value: &str) -> bool {
    value
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| [32, 40].contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_checks_are_recognised() {
        for (key, value, open) in [
            ("password", "x", true),
            ("Password", "x", true),
            ("dbpassword", "x", true),
            ("X-Api-Key", "x", true),
            ("authorization", "Bearer x", true),
            ("authorization", "Bearer %%env_TOKEN%%", false),
            ("tls_pass", "x", true),
            ("bypass", "x", false),
            ("password", "", false),
            ("password", "%%env_PASSWORD%%", false),
            ("password", "%%env_PASSWORD", true),
            ("password", "%%host%%", true),
            ("password", "ENC[x]", false),
            ("password_file", "/etc/x", false),
            ("token_path", "/etc/x", false),
            ("tls_private_key", "/etc/x.pem", false),
            ("tls_private_key", "-----BEGIN PRIVATE KEY-----\nx", true),
            ("url", "postgres://user:x@host/db", true),
            ("url", "postgres://user:%%env_PASSWORD%%@host/db", false),
            ("url", "postgres://user@host:5432/db?a=b:c@d", false),
            ("url", "http://%%host%%:%%port%%/", false),
        ] {
            assert_eq!(is_open_in_check(key, value), open, "{key}: {value}");
        }
    }

    #[test]
    fn keys_are_recognised() {
        let key = "0123456789abcdef0123456789ABCDEF";
        for (name, value, literal) in [
            ("DD_API_KEY", "anything", true),
            ("dd_api_key", "anything", true),
            ("DD_API_KEY", "", true),
            ("DD_API_KEY", "ENC[aws:key]", false),
            ("DD_API_KEY", "ENC[a] b]", true),
            ("DD_API_KEY", "$(KEY_OF_OURS)", false),
            ("DD_CLUSTER_AGENT_AUTH_TOKEN", "x", true),
            ("MY_TOKEN", key, true),
            ("MY_TOKEN", "abc", false),
            ("DD_ADDITIONAL_ENDPOINTS", &format!("{{\"https://x\": [\"{key}\"]}}"), true),
            ("DD_TAGS", key, false),
            ("DD_KEY_OF_TAGS", "0123456789abcdef0123456789abcdef0", false),
        ] {
            assert_eq!(is_literal(name, value), literal, "{name}");
        }
    }
}
