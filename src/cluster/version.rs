//! The API server's version, on which native sidecars depend.

use super::{asked, trouble::Trouble};
use crate::in_force::Store;
use kube::Client;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often it is asked for once it is known: clusters are upgraded beneath us.
pub const EVERY: Duration = Duration::from_secs(600);

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A version that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a Kubernetes version such as 1.33")]
pub struct BadVersion(String);

/// The minor version in `1.33`, `v1.33` or `1.33.4`: 33.
pub fn minor(text: &str) -> Result<u32, BadVersion> {
    let parse = || {
        let (major, rest) = text.trim().trim_start_matches('v').split_once('.')?;
        let (minor, patch) = rest.split_once('.').map_or((rest, None), |(minor, patch)| (minor, Some(patch)));
        // `1.33.4-eks-a18cd3a` is what `kubectl version` prints.
        let patch_ok = patch.is_none_or(|patch| patch.starts_with(|c: char| c.is_ascii_digit()));
        (major == "1" && patch_ok).then(|| digits(minor))?
    };
    parse().ok_or_else(|| BadVersion(text.into()))
}

/// The version of the release this build was made for.
pub fn pinned() -> u32 {
    minor(env!("PINNED_KUBERNETES_VERSION")).unwrap_or_default()
}

/// Asks until the end, and has the rules compiled for what it learns. `known` becomes true with the first answer.
pub async fn watch(
    client: Client,
    store: Arc<Store>,
    known: Arc<AtomicBool>,
    every: Duration,
    stop: CancellationToken,
) {
    let (mut pause, mut trouble) = (PAUSE, Trouble::new("learn the API server's version"));
    while let Some(asked) = stop.run_until_cancelled(ask(&client)).await {
        let wait = match asked {
            Ok(minor) => {
                if !known.swap(true, Ordering::Relaxed)
                    || store.load().rules.setting.kubernetes_minor != minor
                {
                    tracing::info!(version = format!("1.{minor}"), "Learnt the API server's version");
                }
                trouble.over();
                store.set_kubernetes_minor(minor);
                pause = PAUSE;
                every
            }
            Err(error) => {
                trouble.failed(&error);
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            }
        };
        let _ = stop.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
}

async fn ask(client: &Client) -> Result<u32, String> {
    let info = asked(client.apiserver_version()).await?;
    // EKS says 35+ for 1.35.
    let number = info.minor.trim_end_matches(|c: char| !c.is_ascii_digit());
    digits(number).ok_or_else(|| format!("its minor version is {:?}", info.minor))
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_people_write_them() {
        for text in ["1.33", "v1.33", "1.33.4", "v1.33.4-eks-a18cd3a", " 1.33 "] {
            assert_eq!(minor(text), Ok(33), "{text}");
        }
        for text in ["", "1", "33", "2.1", "1.", "1.x", "1.+3", "1.33.x", "latest", "1.99999999999"] {
            assert!(minor(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_pinned_version_is_one() {
        assert!(pinned() >= 29);
    }
}
