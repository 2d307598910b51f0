//! The values of arguments: names, addresses, times.

use crate::{config, fargate::KUBELET_PORT};
use std::{net::SocketAddr, time::Duration};

/// The name of a namespace.
pub(super) fn namespace(text: &str) -> Result<String, &'static str> {
    config::namespace(text).map(|()| text.to_owned())
}

/// An address to listen on; `usual` is the port that is taken where none is given.
pub(super) fn address(text: &str, usual: u16) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("must be an address and a port, such as [::]:{usual}"))?;
    if address.port() == KUBELET_PORT {
        return Err(format!(
            "port {KUBELET_PORT} is the kubelet's on Fargate, at the pod's own address: listen on another, such as {usual}"
        ));
    }
    Ok(address)
}

/// `10s`, `500ms`, `2m`, `168h`, or seconds without a unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let bad = || format!("{text:?} is not a duration such as 10s, 500ms, 2m or 168h");
    let number: u32 = number.parse().map_err(|_| bad())?;
    match unit {
        "" | "s" => Ok(Duration::from_secs(number.into())),
        "ms" => Ok(Duration::from_millis(number.into())),
        "m" => Ok(Duration::from_secs(60 * u64::from(number))),
        "h" => Ok(Duration::from_secs(3600 * u64::from(number))),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("168h"), Ok(Duration::from_secs(7 * 24 * 3600)));
        for bad in ["", "s", "-1s", "1.5s", "10d", "99999999999s"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
