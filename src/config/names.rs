//! What Kubernetes, registries and DNS accept as a name. Each check returns what is wrong, for a message.

use std::ops::RangeInclusive;

/// What is wrong with a name.
pub(crate) type Wrong = &'static str;

/// A DNS label: the name of a namespace.
pub(crate) fn dns_label(name: &str) -> Result<(), Wrong> {
    let wrong = "must be 1 to 63 lowercase letters, digits and `-`, with a letter or digit at each end";
    check(within(name, 1..=63) && is_dns_label(name), wrong)
}

/// A DNS label that begins with a letter: the name of a Service.
pub(super) fn service(name: &str) -> Result<(), Wrong> {
    dns_label(name)?;
    check(name.starts_with(|c: char| c.is_ascii_lowercase()), "must begin with a letter")
}

/// A DNS subdomain: the name of a Secret or ConfigMap.
pub(super) fn subdomain(name: &str) -> Result<(), Wrong> {
    let wrong = "must be 1 to 253 lowercase letters, digits, `-` and `.`, with a letter or digit at each end of every part";
    check(within(name, 1..=253) && name.split('.').all(is_dns_label), wrong)
}

/// A key of a Secret or ConfigMap.
pub(super) fn data_key(key: &str) -> Result<(), Wrong> {
    let wrong = "must be 1 to 253 letters, digits, `-`, `_` and `.`";
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    check(within(key, 1..=253) && plain && key != "." && !key.starts_with(".."), wrong)
}

/// The key of a label: an optional prefix and a name.
pub(super) fn label_key(key: &str) -> Result<(), Wrong> {
    let name = match key.split_once('/') {
        None => key,
        Some((prefix, name)) => {
            check(
                subdomain(prefix).is_ok(),
                "is no label: what is before the `/` must be a DNS name in lowercase",
            )?;
            name
        }
    };
    let wrong = "is no label: the name must be 1 to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at each end";
    check(!name.is_empty() && is_label_text(name), wrong)
}

/// The value of a label; it may be empty.
pub(super) fn label_value(value: &str) -> Result<(), Wrong> {
    let wrong =
        "is no label value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at each end";
    check(is_label_text(value), wrong)
}

/// The name of an environment variable, as Kubernetes 1.35 accepts it.
pub(super) fn variable(name: &str) -> Result<(), Wrong> {
    let printable = name.bytes().all(|b| (0x20..=0x7e).contains(&b) && b != b'=');
    check(!name.is_empty() && printable, "must be one or more printable ASCII characters other than `=`")
}

/// A host name without scheme, port or path.
pub(super) fn host(name: &str) -> Result<(), Wrong> {
    check(!name.contains("://"), "must be a host name without scheme, such as datadoghq.eu")?;
    check(subdomain(name).is_ok(), "must be a host name in lowercase, such as datadoghq.eu")
}

/// A registry with an optional path, such as `public.ecr.aws/datadog`.
pub(super) fn registry(name: &str) -> Result<(), Wrong> {
    check(!name.contains("://"), "must be a registry without scheme, such as public.ecr.aws/datadog")?;
    let (host, path) = name.split_once('/').map_or((name, None), |(host, path)| (host, Some(path)));
    let (host, port) = host.rsplit_once(':').map_or((host, None), |(host, port)| (host, Some(port)));
    let host_ok = host.split('.').all(|part| {
        let edges = !part.starts_with('-') && !part.ends_with('-');
        !part.is_empty() && edges && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let path_ok = path.is_none_or(is_image_path);
    check(
        within(name, 1..=255) && host_ok && port_ok && path_ok,
        "must be a registry, such as public.ecr.aws/datadog, without a trailing `/`",
    )
}

/// A registry and the name of an image in it, in one.
pub(super) fn repository(name: &str) -> Result<(), Wrong> {
    check(
        !name.contains("://"),
        "must be a repository without scheme, such as public.ecr.aws/datadog/agent",
    )?;
    check(!name.contains('@'), "must be the repository alone: the digest has a key of its own")?;
    let last = name.rsplit('/').next().unwrap_or_default();
    check(!last.contains(':'), "must be the repository alone: the tag has a key of its own")?;
    check(registry(name).is_ok(), "must be a repository in lowercase, such as public.ecr.aws/datadog/agent")
}

/// The name of an image in its registry.
pub(super) fn image_name(name: &str) -> Result<(), Wrong> {
    check(!name.contains('@'), "must be the name alone: the digest has a key of its own")?;
    check(!name.contains(':'), "must be the name alone: the tag and the registry have keys of their own")?;
    check(
        within(name, 1..=255) && is_image_path(name),
        "must be the name of an image in lowercase, such as agent",
    )
}

/// The tag of an image.
pub(super) fn image_tag(tag: &str) -> Result<(), Wrong> {
    check(!tag.contains('@'), "must be the tag alone: the digest has a key of its own")?;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = tag.bytes().next().is_some_and(word);
    let rest = tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    let wrong = "must be 1 to 128 letters, digits, `_`, `.` and `-`, and not begin with `.` or `-`";
    check(within(tag, 1..=128) && first && rest, wrong)
}

/// The digest of an image.
pub(super) fn image_digest(digest: &str) -> Result<(), Wrong> {
    let hex = digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    check(hex, "must be `sha256:` and 64 hexadecimal digits in lowercase")
}

/// The name of an integration, which is also that of a directory and in that of a volume.
pub(super) fn integration(name: &str) -> Result<(), Wrong> {
    let wrong = "must be 1 to 48 lowercase letters, digits, `_` and `-`, with a letter or digit at each end, such as http_check";
    check(within(name, 1..=48) && is_dns_label(&name.replace('_', "-")), wrong)
}

/// The name of a resource of a container.
pub(super) fn resource(name: &str) -> Result<(), Wrong> {
    let standard = ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-");
    let wrong =
        "is no resource of a container: cpu, memory, ephemeral-storage, hugepages-… or one with a domain";
    check((standard || name.contains('/')) && label_key(name).is_ok(), wrong)
}

/// Whether Kubernetes wants the request of a resource to equal its limit.
pub(super) fn must_match(resource: &str) -> bool {
    resource.contains('/') || resource.starts_with("hugepages-")
}

fn check(ok: bool, wrong: Wrong) -> Result<(), Wrong> {
    if ok { Ok(()) } else { Err(wrong) }
}

fn within(text: &str, length: RangeInclusive<usize>) -> bool {
    length.contains(&text.len())
}

fn is_dns_label(part: &str) -> bool {
    let plain = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    !part.is_empty() && plain && !part.starts_with('-') && !part.ends_with('-')
}

fn is_label_text(text: &str) -> bool {
    let edges = [text.bytes().next(), text.bytes().next_back()];
    let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    text.len() <= 63 && inner && edges.into_iter().flatten().all(|b| b.is_ascii_alphanumeric())
}

/// Components of lowercase letters and digits, with `.`, `_`, `__` or dashes between them.
fn is_image_path(path: &str) -> bool {
    path.split('/').all(|part| {
        let plain = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let doubled =
            ["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|pair| part.contains(pair));
        plain && edge(part.bytes().next()) && edge(part.bytes().next_back()) && !doubled
    })
}
