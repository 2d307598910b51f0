//! RFC 6902 operations, written as text and checked against the object as they are recorded.
//!
//! Applying a patch to a parsed object costs more than all the rest of a decision, so every operation is checked against the
//! object's [`Shape`] instead: which members and lists there are, and how long the lists. That this check agrees with a real apply
//! is proved by property tests. Missing parents are created, and `null` counts as missing.

mod shape;
mod text;

pub use shape::{Fault, Shape};
pub(crate) use text::push_joined;
use text::{push_operation, push_step};
pub use text::{push_string, string};

use std::borrow::Cow;

/// The longest patch, in bytes: a hundred times what a pod of many containers needs.
pub const LONGEST: usize = 1 << 20;

/// One step of a JSON pointer (RFC 6901).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A member of an object.
    Key(&'a str),
    /// An element of a list.
    Index(usize),
    /// The place behind a list's last element.
    End,
}

/// What is to happen to a list; positions are those before the edit.
#[derive(Debug, Default)]
pub struct Edits<'a> {
    /// Elements that go, in rising order.
    pub remove: Vec<usize>,
    /// JSON texts put in front, in this order.
    pub prepend: Vec<Cow<'a, str>>,
    /// JSON texts put behind, in this order.
    pub append: Vec<Cow<'a, str>>,
}

impl Edits<'_> {
    /// Whether nothing is to happen.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.prepend.is_empty() && self.append.is_empty()
    }
}

/// A patch in the making.
#[derive(Debug)]
pub struct Patch<'a> {
    text: String,
    shape: Shape<'a>,
    fault: Option<Fault>,
}

impl<'a> Patch<'a> {
    /// A patch of an object of this shape.
    pub fn new(shape: Shape<'a>) -> Self {
        Self { text: String::with_capacity(8192), shape, fault: None }
    }

    /// Edits a list; one that is missing is created, with its parents.
    pub fn edit(&mut self, list: &[Step<'a>], edits: &Edits<'_>) {
        if edits.is_empty() {
            return;
        }
        if edits.remove.is_empty() && self.shape.at(list).is_none() {
            let elements = Shape::Leaves(edits.prepend.len() + edits.append.len());
            return self.create(list, elements, |text| {
                text.push('[');
                push_joined(text, edits.prepend.iter().chain(&edits.append), |text, e| text.push_str(e));
                text.push(']');
            });
        }
        for &index in edits.remove.iter().rev() {
            self.remove(&[list, &[Step::Index(index)]].concat());
        }
        self.add_all(list, Step::Index(0), &edits.prepend);
        self.add_all(list, Step::End, &edits.append);
    }

    /// Adds elements to a list, the first of them at a place and the others behind it.
    fn add_all(&mut self, list: &[Step<'a>], mut place: Step<'_>, elements: &[Cow<'_, str>]) {
        let Some((first, others)) = elements.split_first() else { return };
        if self.is_too_long() {
            return;
        }
        if let Err(fault) = self.shape.add_all(list, &place, elements.len()) {
            self.fault.get_or_insert(fault);
            return;
        }
        let value = |text: &mut String, place: Step<'_>, element: &str| {
            push_step(text, place);
            text.push_str(r#"","value":"#);
            text.push_str(element);
            text.push('}');
        };
        // All of them begin alike.
        self.text.push_str(if self.text.is_empty() { "[" } else { "," });
        let start = self.text.len();
        push_operation(&mut self.text, "add", list);
        let head = start..self.text.len();
        value(&mut self.text, place, first);
        for element in others {
            if let Step::Index(index) = &mut place {
                *index += 1;
            }
            self.text.push(',');
            self.text.extend_from_within(head.clone());
            value(&mut self.text, place, element);
        }
    }

    /// Sets a member to a JSON text: replaced where it is there, added where it isn't, with the parents that are missing.
    pub fn set(&mut self, path: &[Step<'a>], value: &str) {
        let write = |text: &mut String| text.push_str(value);
        if self.shape.at(path).is_some() {
            self.record("replace", path, Some(write));
        } else {
            self.create(path, Shape::Leaf, write);
        }
    }

    /// Adds a JSON text: a member, or an element before a position or behind the last.
    pub fn add(&mut self, path: &[Step<'a>], value: &str) {
        self.record("add", path, Some(|text: &mut String| text.push_str(value)));
    }

    /// Removes a member or an element.
    pub fn remove(&mut self, path: &[Step<'a>]) {
        self.record("remove", path, None::<fn(&mut String)>);
    }

    /// The operations as a JSON text, empty where there are none.
    ///
    /// # Errors
    ///
    /// The first operation that would not apply: a fault of ours.
    pub fn finish(mut self) -> Result<Vec<u8>, Fault> {
        self.is_too_long();
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.text.is_empty() {
            self.text.push(']');
        }
        Ok(self.text.into_bytes())
    }

    /// Adds a value of an outline that is not there. Parents that are missing come with it.
    fn create(&mut self, path: &[Step<'a>], outline: Shape<'a>, value: impl FnOnce(&mut String)) {
        let there = (0..path.len()).rev().find(|&n| self.shape.at(&path[..n]).is_some()).unwrap_or(0);
        let (place, missing) = path.split_at((there + 1).min(path.len()));
        let wrapped = |text: &mut String| {
            for step in missing {
                match step {
                    Step::Key(key) => {
                        text.push('{');
                        push_string(text, key);
                        text.push(':');
                    }
                    Step::Index(_) | Step::End => text.push('['),
                }
            }
            value(text);
            for step in missing.iter().rev() {
                text.push(if matches!(step, Step::Key(_)) { '}' } else { ']' });
            }
        };
        self.record("add", place, Some(wrapped));
        self.shape.grow(place, missing, outline);
    }

    /// Nothing is written behind the end of the longest patch.
    fn is_too_long(&mut self) -> bool {
        let too_long = self.text.len() > LONGEST;
        if too_long {
            self.fault.get_or_insert(Fault::TooLong);
        }
        too_long
    }

    fn record(&mut self, op: &'static str, path: &[Step<'a>], value: Option<impl FnOnce(&mut String)>) {
        if self.is_too_long() {
            return;
        }
        let checked = match op {
            "add" => self.shape.add(path),
            "replace" => self.shape.at(path).map(drop).ok_or(Fault::Missing),
            _ => self.shape.remove(path),
        };
        if let Err(fault) = checked {
            self.fault.get_or_insert(fault);
            return;
        }
        self.text.push_str(if self.text.is_empty() { "[" } else { "," });
        push_operation(&mut self.text, op, path);
        self.text.push('"');
        if let Some(write) = value {
            self.text.push_str(r#","value":"#);
            write(&mut self.text);
        }
        self.text.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::{Step::*, *};
    use serde_json::{Value, json};

    fn patched(object: &Value, edit: impl for<'a> FnOnce(&mut Patch<'a>)) -> Value {
        let mut patch = Patch::new(Shape::of(object));
        edit(&mut patch);
        let operations = patch.finish().unwrap();
        let mut object = object.clone();
        if !operations.is_empty() {
            let operations: json_patch::Patch = serde_json::from_slice(&operations).unwrap();
            json_patch::patch(&mut object, &operations).unwrap();
        }
        object
    }

    #[test]
    fn missing_parents_are_created_with_the_value() {
        let after = patched(&json!({"metadata": null}), |patch| {
            patch.set(&[Key("metadata"), Key("annotations"), Key("a/b~c\"")], "1");
            patch.set(&[Key("metadata"), Key("annotations"), Key("d")], "2");
            patch.edit(
                &[Key("spec"), Key("volumes")],
                &Edits { append: vec!["3".into()], prepend: vec!["4".into()], ..Edits::default() },
            );
        });
        assert_eq!(
            after,
            json!({"metadata": {"annotations": {"a/b~c\"": 1, "d": 2}}, "spec": {"volumes": [4, 3]}})
        );
    }

    #[test]
    fn a_list_is_edited_in_place() {
        let after = patched(&json!({"l": [0, 1, 2, 3]}), |patch| {
            patch.edit(
                &[Key("l")],
                &Edits {
                    remove: vec![1, 3],
                    prepend: vec!["8".into(), "9".into()],
                    append: vec!["7".into()],
                },
            );
        });
        assert_eq!(after, json!({"l": [8, 9, 0, 2, 7]}));
    }

    #[test]
    fn an_operation_that_would_not_apply_is_a_fault() {
        let object = json!({"l": [0], "s": "text"});
        for path in [
            &[Key("l"), Index(2)][..],
            &[Key("s"), Key("x")],
            &[Key("none"), Index(0)],
            &[Key("l"), Key("x")],
        ] {
            let mut patch = Patch::new(Shape::of(&object));
            patch.add(path, "1");
            assert!(patch.finish().is_err(), "{path:?}");
        }
    }
}
