//! What annotations on a pod change: within what the operator allows, and never the image or a Secret.

use super::{cws::Entrypoints, record::STATUS, warnings::Warnings};
use crate::{
    config::{Config, Mode, PodOverride, Resources},
    near::nearest,
    pod::{Annotations, Metadata, NAME, cut},
    quantity,
    rules::Without,
};
use std::borrow::Cow;

/// The label by which pods ask for the sidecar, where the configuration has no other selectors.
pub(crate) const SIDECAR_LABEL: &str = "agent.datadoghq.com/sidecar";

/// The label of all of Datadog's webhooks; `"false"` leaves a pod alone.
pub(crate) const ENABLED_LABEL: &str = "admission.datadoghq.com/enabled";

/// `"false"` leaves a pod alone.
pub(crate) const OPT_OUT: &str = "agent.datadoghq.com/sidecar.inject";

const PROFILE: &str = "agent.datadoghq.com/sidecar.profile";
const MODE: &str = "agent.datadoghq.com/sidecar.mode";
const ENTRYPOINTS: &str = "agent.datadoghq.com/sidecar.entrypoints";

/// Resource, annotation of its request, annotation of its limit.
const RESOURCES: [(&str, &str, &str); 2] = [
    ("cpu", "agent.datadoghq.com/sidecar.cpu.request", "agent.datadoghq.com/sidecar.cpu.limit"),
    ("memory", "agent.datadoghq.com/sidecar.memory.request", "agent.datadoghq.com/sidecar.memory.limit"),
];

/// Returns the names of all annotations of ours.
pub(crate) fn annotations() -> impl Iterator<Item = &'static str> {
    let of_resources = RESOURCES.into_iter().flat_map(|(_, request, limit)| [request, limit]);
    [PROFILE, MODE, ENTRYPOINTS, OPT_OUT, STATUS].into_iter().chain(of_resources)
}

/// Says that an annotation is not one of ours, and which one its name is near to.
pub(crate) fn misspelt(key: &str) -> String {
    let instead = nearest(key, annotations()).map(|near| near.rsplit('/').next().unwrap_or(near));
    instead.map_or_else(
        || format!("annotation {key} is ignored: there is none of that name"),
        |near| format!("annotation {key} is ignored: did you mean {near}?"),
    )
}

/// How many misspelt annotations are told: a person mends the first ones, and looks again.
const MOST_UNKNOWN: usize = 8;

/// What a pod's annotations ask for, as far as it is good and allowed.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    /// Another profile, as its position in the configuration.
    pub(crate) profile: Option<usize>,
    pub(super) mode: Option<Mode>,
    pub(super) resources: Asked,
    /// Commands of containers that state none.
    pub(super) entrypoints: Entrypoints,
    /// Whether the Cluster Agent's part is left out. No annotation asks for that: the namespace has no token.
    pub(crate) without: Without,
    /// What is bad or not allowed, and so ignored.
    pub(crate) warnings: Vec<String>,
}

/// Requests and limits asked for.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<Wish>);

#[derive(Debug)]
struct Wish {
    resource: &'static str,
    request: Option<String>,
    limit: Option<String>,
}

impl Overrides {
    /// Reads a pod's annotations.
    pub(crate) fn read(config: &Config, metadata: &Metadata<'_>) -> Self {
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(ENABLED_LABEL));
        let mut warnings = Vec::from_iter(not_understood("label", ENABLED_LABEL, label));
        let Some(annotations) = &metadata.annotations else { return Self { warnings, ..Self::default() } };
        warnings.extend(not_understood("annotation", OPT_OUT, annotations.get(OPT_OUT)));
        warnings.extend(unknown(annotations));
        let mut reader = Reader { config, annotations, warnings };
        Self {
            profile: reader.profile(),
            mode: reader.mode(),
            resources: reader.resources(),
            entrypoints: reader.entrypoints(),
            without: Without::Nothing,
            warnings: reader.warnings,
        }
    }
}

/// An opt-out that is none: somebody may have meant one.
fn not_understood(what: &str, key: &str, value: Option<&str>) -> Option<String> {
    let understood = value.is_none_or(|value| value == "true" || value == "false");
    (!understood).then(|| format!("{what} {key} is ignored: it takes \"true\" or \"false\""))
}

/// What is named like an annotation of ours and is none: most likely a misspelt one.
fn unknown(there: &Annotations<'_>) -> Vec<String> {
    let ours = there.keys().filter(|key| key.starts_with(Annotations::OURS));
    let unknown = ours.filter(|key| annotations().all(|known| known != *key));
    unknown.take(MOST_UNKNOWN).map(|key| misspelt(cut(key, NAME))).collect()
}

struct Reader<'a> {
    config: &'a Config,
    annotations: &'a Annotations<'a>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// An annotation's value, where there is one and the operator lets pods use it.
    fn allowed(&mut self, annotation: &str, kind: PodOverride) -> Option<&'a str> {
        let value = self.annotations.get(annotation)?;
        if self.config.pod_overrides.contains(&kind) {
            return Some(value);
        }
        self.warnings.push(format!("annotation {annotation} is ignored: podOverrides does not allow it"));
        None
    }

    fn profile(&mut self) -> Option<usize> {
        let name = self.allowed(PROFILE, PodOverride::Profile)?;
        let found = self.config.profiles.iter().position(|p| p.selectable && p.name == name);
        if found.is_none() {
            let names: Vec<_> =
                self.config.profiles.iter().filter(|p| p.selectable).map(|p| p.name.as_str()).collect();
            self.warnings.push(format!(
                "annotation {PROFILE} is ignored: no such selectable profile; there are: {}",
                names.join(", ")
            ));
        }
        found
    }

    fn mode(&mut self) -> Option<Mode> {
        match self.allowed(MODE, PodOverride::Mode)? {
            "auto" => Some(Mode::Auto),
            "container" => Some(Mode::Container),
            "native" => Some(Mode::Native),
            _ => {
                self.warnings
                    .push(format!("annotation {MODE} is ignored: it takes auto, container or native"));
                None
            }
        }
    }

    fn resources(&mut self) -> Asked {
        let wishes = RESOURCES.map(|(resource, request, limit)| Wish {
            resource,
            request: self.quantity(request),
            limit: self.quantity(limit),
        });
        Asked(wishes.into_iter().filter(|w| w.request.is_some() || w.limit.is_some()).collect())
    }

    fn quantity(&mut self, annotation: &'static str) -> Option<String> {
        let value = self.allowed(annotation, PodOverride::Resources)?;
        if quantity::parse(value).is_ok_and(|q| q >= quantity::Quantity::default())
            && let Ok(written) = quantity::canonical(value)
        {
            return Some(written);
        }
        let example = if annotation.contains("cpu") { "500m" } else { "512Mi" };
        self.warnings
            .push(format!("annotation {annotation} is ignored: it takes a quantity such as {example}"));
        None
    }

    fn entrypoints(&mut self) -> Entrypoints {
        let Some(value) = self.allowed(ENTRYPOINTS, PodOverride::Entrypoints) else {
            return Entrypoints::new();
        };
        let read: Option<Entrypoints> = serde_json::from_str(value).ok();
        let read = read.filter(|read| read.values().all(|command| !command.is_empty()));
        read.unwrap_or_else(|| {
            self.warnings.push(format!(
                r#"annotation {ENTRYPOINTS} is ignored: it takes {{"container": ["command"]}}"#
            ));
            Entrypoints::new()
        })
    }
}

impl Asked {
    /// The profile's resources with what the pod asks for; of request and limit the one not given mirrors the other.
    pub(super) fn apply<'p>(&self, profile: &'p Resources, warnings: &mut Warnings) -> Cow<'p, Resources> {
        let mut resources = Cow::Borrowed(profile);
        for wish in &self.0 {
            let (Some(request), Some(limit)) = (
                wish.request.as_ref().or(wish.limit.as_ref()),
                wish.limit.as_ref().or(wish.request.as_ref()),
            ) else {
                continue;
            };
            if quantity::parse(request).ok() > quantity::parse(limit).ok() {
                warnings.push(format!(
                    "annotations sidecar.{}.* are ignored: the request exceeds the limit",
                    wish.resource
                ));
                continue;
            }
            let own = resources.to_mut();
            set(&mut own.requests, wish.resource, request);
            set(&mut own.limits, wish.resource, limit);
        }
        resources
    }
}

fn set(list: &mut Vec<(String, String)>, resource: &str, quantity: &str) {
    match list.iter_mut().find(|(name, _)| name == resource) {
        Some((_, there)) => quantity.clone_into(there),
        None => list.push((resource.to_owned(), quantity.to_owned())),
    }
}
