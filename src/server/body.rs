//! Reading the body of a request, within bounds.

use super::{holdings::Holding, refuse::Refused};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// How much more than what has arrived is reserved for a body that says how long it is. A claim is no proof.
const AHEAD: usize = 3;

/// Reads all of it, up to `limit` bytes, and holds the memory that it takes as it arrives. One that arrives in one piece is not
/// copied.
pub(super) async fn read(body: &mut Incoming, limit: usize, holding: &Holding) -> Result<Bytes, Refused> {
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| unreadable(&error))?.into_data() else { continue };
        length += data.len();
        if length > limit {
            return Err(Refused::TooLarge(limit));
        }
        // What is joined takes more than has arrived: it has room for what is to come.
        let taken = if length <= joined.capacity() {
            joined.capacity()
        } else if first.is_empty() && joined.is_empty() {
            length
        } else {
            let rest = body.size_hint().lower().min((AHEAD * length) as u64) as usize;
            (length + rest).max(2 * joined.capacity())
        };
        if !holding.resize(taken) {
            return Err(Refused::Overloaded);
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
            continue;
        }
        joined.reserve(taken - joined.len());
        if !first.is_empty() {
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&data);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// Reads what is left and drops it, up to `limit` bytes; whether that was all.
pub(super) async fn discard(body: &mut Incoming, limit: usize) -> bool {
    let mut left = limit;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let Some(less) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return false };
        left = less;
    }
    true
}

fn unreadable(error: &hyper::Error) -> Refused {
    Refused::BadRequest(format!("the body could not be read: {error}"))
}
