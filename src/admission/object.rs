//! The object of a review, as a pod or as anything else.

use super::envelope::ReadObject;
use crate::{
    decide::{Selection, may_be_agent},
    pod::{Extent, Mapping, Metadata, NAME, Nullable, Pod, Read, Text, cut},
    rules::Rules,
    seen::Moment,
    select::Subject,
};
use serde::{Deserialize, Deserializer, de::DeserializeSeed};
use serde_json::value::RawValue;

/// Reads the object as a pod, and its spec in brief where no selector matches.
pub(super) struct AsPod<'r> {
    pub(super) rules: &'r Rules,
    pub(super) moment: Moment<'r>,
    /// What was selected, where that was known before the spec.
    pub(super) selection: &'r mut Option<Selection>,
}

impl<'de> ReadObject<'de> for AsPod<'_> {
    type Object = Pod<'de>;

    fn read<D: Deserializer<'de>>(
        self,
        namespace: Option<&str>,
        object: D,
    ) -> Result<Option<Pod<'de>>, D::Error> {
        let extent = |metadata: &Metadata<'de>| {
            let Some(namespace) = namespace else { return Extent::Whole };
            let selection = Selection::of(metadata, Subject::seen(namespace, self.moment), self.rules);
            *self.selection = Some(selection);
            selection.extent()
        };
        let keep = |name: &str, image: &str| may_be_agent(name, image, self.rules);
        Nullable(Mapping(Read { extent, keep })).deserialize(object)
    }
}

/// Any object, unread but for its name.
pub(super) struct Unread<'a>(&'a RawValue);

/// Reads the object as none of ours.
pub(super) struct AsUnread;

impl<'de> ReadObject<'de> for AsUnread {
    type Object = Unread<'de>;

    fn read<D: Deserializer<'de>>(self, _: Option<&str>, object: D) -> Result<Option<Unread<'de>>, D::Error> {
        Option::<&RawValue>::deserialize(object).map(|raw| raw.map(Unread))
    }
}

/// What an object is called in a log, no longer than a name may be.
pub(super) trait Name {
    fn name(&self) -> String;
}

impl Name for Pod<'_> {
    fn name(&self) -> String {
        let metadata = self.metadata();
        cut(if metadata.name.is_empty() { &metadata.generate_name } else { &metadata.name }, NAME).to_owned()
    }
}

impl Name for Unread<'_> {
    fn name(&self) -> String {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Object<'a> {
            #[serde(borrow)]
            metadata: Option<Metadata<'a>>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct Metadata<'a> {
            #[serde(borrow)]
            name: Text<'a>,
            #[serde(borrow)]
            generate_name: Text<'a>,
        }
        let object: Object<'_> = serde_json::from_str(self.0.get()).unwrap_or_default();
        let Metadata { name, generate_name } = object.metadata.unwrap_or_default();
        cut(if name.is_empty() { &generate_name } else { &name }, NAME).to_owned()
    }
}
