//! How much a pod may become: a budget of the elements that are kept of it.
//!
//! An element of two bytes in a body can take hundreds in memory, and thousands in the answer. A real pod has some hundred list
//! elements and map entries in all.

use serde::de::Error;
use std::cell::Cell;

/// The most list elements and map entries that are kept of a pod.
pub const MOST: usize = 10_000;

// Derived readers hand nothing down to the readers of their fields, so what is left is kept beside them, for the pod that this
// thread reads.
thread_local! {
    static LEFT: Cell<Option<usize>> = const { Cell::new(Some(MOST)) };
}

/// Begins a pod.
pub(super) fn begin() {
    LEFT.set(Some(MOST));
}

/// Takes one of what is left.
pub(super) fn spend<E: Error>() -> Result<(), E> {
    let left = LEFT.get().and_then(|left| left.checked_sub(1));
    LEFT.set(left);
    left.map(drop).ok_or_else(|| E::custom("too many elements"))
}

/// Whether the pod that was read last could not be, since it had too many.
pub fn is_spent() -> bool {
    LEFT.get().is_none()
}
