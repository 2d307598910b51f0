//! Images, checked and layered part by part.

use super::{
    Image, file, names,
    problem::{Path, Report},
};

/// The name of the image that brings the tracer of Workload Protection.
const TRACER: &str = "cws-instrumentation";

/// The agent's image, as the injection states it.
pub(super) fn resolve(
    controller: &file::AdmissionController,
    path: &Path,
    built_in: &Image,
    report: &mut Report,
) -> Image {
    let injection = &controller.agent_sidecar_injection;
    let outer = Path::default().key("clusterAgent").key("admissionController").key("containerRegistry");
    let mut part = |path: Path, given: &str, fallback: &str, check| {
        part(&path, Some(given), check, report).unwrap_or_else(|| fallback.to_owned())
    };
    let registry = part(outer, &controller.container_registry, &built_in.registry, names::registry);
    let digest = part(path.key("imageDigest"), &injection.image_digest, "", names::image_digest);
    Image {
        registry: part(
            path.key("containerRegistry"),
            &injection.container_registry,
            &registry,
            names::registry,
        ),
        name: part(path.key("imageName"), &injection.image_name, &built_in.name, names::image_name),
        tag: part(path.key("imageTag"), &injection.image_tag.0, &built_in.tag, names::image_tag),
        digest: (!digest.is_empty()).then_some(digest),
    }
}

/// The parts of a layer over the image below. A digest is that of one name and tag, and goes with them; a mirror keeps it.
pub(super) fn lay(lower: &Image, upper: &file::ImageParts, path: &Path, report: &mut Report) -> Image {
    let mut part = |key: &str, given: Option<&str>, check| part(&path.key(key), given, check, report);
    let registry = part("registry", upper.registry.as_deref(), names::registry);
    let name = part("name", upper.name.as_deref(), names::image_name);
    let tag = part("tag", upper.tag.as_ref().map(|tag| tag.0.as_str()), names::image_tag);
    let digest = part("digest", upper.digest.as_deref(), names::image_digest);
    let same = name.is_none() && tag.is_none();
    Image {
        registry: registry.unwrap_or_else(|| lower.registry.clone()),
        name: name.unwrap_or_else(|| lower.name.clone()),
        tag: tag.unwrap_or_else(|| lower.tag.clone()),
        digest: digest.or_else(|| lower.digest.clone().filter(|_| same)),
    }
}

/// The image of the tracer where nobody states another: from the registry of the agent's, of the pinned release.
pub(super) fn tracer(agent: &Image) -> Image {
    Image {
        registry: agent.registry.clone(),
        name: TRACER.into(),
        tag: env!("PINNED_AGENT_VERSION").into(),
        digest: None,
    }
}

/// A part that is given, checked.
fn part(
    path: &Path,
    given: Option<&str>,
    check: fn(&str) -> Result<(), names::Wrong>,
    report: &mut Report,
) -> Option<String> {
    let given = given.filter(|given| !given.is_empty())?;
    if let Err(wrong) = check(given) {
        report.add(path, wrong);
    }
    Some(given.to_owned())
}
