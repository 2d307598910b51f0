//! What a patch must know of an object to tell whether an operation applies to it.

use super::Step;
use serde_json::Value;

/// Why an operation would not apply: a fault of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The place, or its parent, is not there.
    #[error("an operation names a place that is not there")]
    Missing,
    /// A list is shorter than the position.
    #[error("an operation names a position outside its list")]
    OutOfRange,
    /// The operations are too many or too long to be sent: no fault, but a pod as nobody makes it.
    #[error("the patch would have more than {} bytes", super::LONGEST)]
    TooLong,
    /// The parent is neither an object nor a list, or not the one the step needs.
    #[error("an operation names a member of something that has none")]
    NotAContainer,
}

/// The outline of a JSON value: its members and lists as far as they matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// A value into which nothing is put.
    Leaf,
    /// A list of so many values into which nothing is put.
    Leaves(usize),
    /// A list.
    List(Vec<Shape<'a>>),
    /// An object, with those of its members that are known and not `null`.
    Object(Vec<(&'a str, Shape<'a>)>),
}

impl<'a> Shape<'a> {
    /// The outline of a whole value, in which a `null` member is left out.
    pub fn of(value: &'a Value) -> Self {
        match value {
            Value::Array(list) => Self::List(list.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .filter(|(_, v)| !v.is_null())
                    .map(|(k, v)| (k.as_str(), Self::of(v)))
                    .collect(),
            ),
            _ => Self::Leaf,
        }
    }

    /// An object with those members that are there.
    pub fn object<const N: usize>(members: [Option<(&'a str, Self)>; N]) -> Self {
        let mut there = Vec::with_capacity(N);
        there.extend(members.into_iter().flatten());
        Self::Object(there)
    }

    /// How long a list is.
    pub fn elements(&self) -> Option<usize> {
        match self {
            Self::Leaves(len) => Some(*len),
            Self::List(list) => Some(list.len()),
            Self::Leaf | Self::Object(_) => None,
        }
    }

    /// What is at a place; `None`: nothing, or nothing known.
    pub fn at(&self, path: &[Step<'_>]) -> Option<&Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        match (self, step) {
            (Self::Object(members), Step::Key(key)) => members.iter().find(|(k, _)| k == key)?.1.at(rest),
            (Self::List(list), Step::Index(index)) => list.get(*index)?.at(rest),
            (Self::Leaves(len), Step::Index(index)) => {
                (index < len && rest.is_empty()).then_some(&Self::Leaf)
            }
            _ => None,
        }
    }

    /// Records that a value is added at a place.
    ///
    /// # Errors
    ///
    /// The operation would not apply.
    pub fn add(&mut self, path: &[Step<'a>]) -> Result<(), Fault> {
        match self.parent(path)? {
            (Self::Object(members), Step::Key(key)) => {
                members.retain(|(k, _)| k != key);
                members.push((key, Self::Leaf));
                Ok(())
            }
            (list, place) => list.insert(place, 1),
        }
    }

    /// Records that values are added to a list, from a place on.
    ///
    /// # Errors
    ///
    /// The operations would not apply.
    pub fn add_all(&mut self, list: &[Step<'a>], place: &Step<'_>, count: usize) -> Result<(), Fault> {
        self.within(list)?.insert(place, count)
    }

    fn insert(&mut self, place: &Step<'_>, count: usize) -> Result<(), Fault> {
        let len = self.elements().ok_or(Fault::NotAContainer)?;
        let at = match place {
            Step::Index(index) if *index <= len => *index,
            Step::Index(_) => return Err(Fault::OutOfRange),
            Step::End => len,
            Step::Key(_) => return Err(Fault::NotAContainer),
        };
        match self {
            Self::Leaves(len) => *len += count,
            Self::List(list) => drop(list.splice(at..at, std::iter::repeat_n(Self::Leaf, count))),
            Self::Leaf | Self::Object(_) => return Err(Fault::NotAContainer),
        }
        Ok(())
    }

    /// Records that what is at a place is removed.
    ///
    /// # Errors
    ///
    /// The operation would not apply.
    pub fn remove(&mut self, path: &[Step<'a>]) -> Result<(), Fault> {
        let (parent, step) = self.parent(path)?;
        match (parent, step) {
            (Self::Object(members), Step::Key(key)) => {
                let known = members.iter().position(|(k, _)| k == key).ok_or(Fault::Missing)?;
                members.remove(known);
            }
            (Self::List(list), Step::Index(index)) if *index < list.len() => {
                list.remove(*index);
            }
            (Self::Leaves(len), Step::Index(index)) if index < len => *len -= 1,
            (Self::List(_) | Self::Leaves(_), Step::Index(_)) => return Err(Fault::OutOfRange),
            _ => return Err(Fault::NotAContainer),
        }
        Ok(())
    }

    /// Records that the value just added at `place` is an object with the members of `path` inside one another, and `inner` in the
    /// last of them.
    pub(super) fn grow(&mut self, place: &[Step<'a>], path: &[Step<'a>], inner: Self) {
        let mut shape = inner;
        for step in path.iter().rev() {
            shape = match step {
                Step::Key(key) => Self::Object(vec![(key, shape)]),
                Step::Index(_) | Step::End => Self::List(vec![shape]),
            };
        }
        let added = match self.parent(place) {
            Ok((Self::Object(members), Step::Key(key))) => {
                members.iter_mut().find(|(k, _)| k == key).map(|(_, member)| member)
            }
            Ok((Self::List(list), Step::Index(index))) => list.get_mut(*index),
            Ok((Self::List(list), Step::End)) => list.last_mut(),
            _ => None,
        };
        if let Some(added) = added {
            *added = shape;
        }
    }

    fn parent<'s, 'p>(&'s mut self, path: &'p [Step<'a>]) -> Result<(&'s mut Self, &'p Step<'a>), Fault> {
        let (last, parents) = path.split_last().ok_or(Fault::NotAContainer)?;
        Ok((self.within(parents)?, last))
    }

    fn within(&mut self, path: &[Step<'a>]) -> Result<&mut Self, Fault> {
        let mut shape = self;
        for step in path {
            shape = match (shape, step) {
                (Self::Object(members), Step::Key(key)) => {
                    &mut members.iter_mut().find(|(k, _)| k == key).ok_or(Fault::Missing)?.1
                }
                (Self::List(list), Step::Index(index)) => list.get_mut(*index).ok_or(Fault::OutOfRange)?,
                _ => return Err(Fault::NotAContainer),
            };
        }
        Ok(shape)
    }
}
