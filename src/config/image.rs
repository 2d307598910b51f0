//! Images, checked and layered part by part.

use super::{
    Image,
    file::{self, File},
    names,
    problem::{Path, Report},
};

/// The name of the image that brings the tracer of Workload Protection.
const TRACER: &str = "cws-instrumentation";

/// The agent's image: what the injection states, over its controller's registry, over what is stated for Datadog's own agents, over
/// what is built in. A digest is that of one name and tag, and goes with them; a mirror keeps it.
pub(super) fn resolve(file: &File, path: &Path, built_in: &Image, report: &mut Report) -> Image {
    let (controller, agents) = (&file.cluster_agent.admission_controller, &file.agents.image);
    let injection = &controller.agent_sidecar_injection;
    let root = Path::default();
    let of_agents = root.key("agents").key("image");
    let outer = root.key("clusterAgent").key("admissionController").key("containerRegistry");
    let mut given = |path: Path, given: &str, check| part(&path, Some(given), check, report);

    let everywhere = given(root.key("registry"), &file.registry, names::registry);
    let repository = given(of_agents.key("repository"), &agents.repository, names::repository);
    let agents_name = given(of_agents.key("name"), &agents.name, names::image_name);
    let agents_digest = given(of_agents.key("digest"), &agents.digest, names::image_digest);
    let controllers = given(outer, &controller.container_registry, names::registry);
    let own = given(path.key("containerRegistry"), &injection.container_registry, names::registry);
    let name = given(path.key("imageName"), &injection.image_name, names::image_name);
    let tag = given(path.key("imageTag"), &injection.image_tag.0, names::image_tag);
    let digest = given(path.key("imageDigest"), &injection.image_digest, names::image_digest);
    let agents_tag = agents_tag(agents, file.use_fips_agent, built_in, report);

    let of_this_name = name.is_none();
    // An image of another name is elsewhere.
    let (of_repository, last) = match repository.filter(|_| of_this_name) {
        Some(repository) => match repository.rsplit_once('/') {
            Some((registry, name)) => (Some(registry.to_owned()), Some(name.to_owned())),
            None => (Some(String::new()), Some(repository)),
        },
        None => (None, None),
    };
    let same = of_this_name && tag.is_none();
    let registry = own.or(controllers).or(of_repository).or(everywhere);
    Image {
        registry: registry.unwrap_or_else(|| built_in.registry.clone()),
        name: name.or(last).or(agents_name).unwrap_or_else(|| built_in.name.clone()),
        tag: tag.unwrap_or(agents_tag),
        digest: digest.or_else(|| agents_digest.filter(|_| same)),
    }
}

/// The tag of the image of Datadog's own agents, with what their chart puts behind it.
fn agents_tag(agents: &file::AgentsImage, fips: bool, built_in: &Image, report: &mut Report) -> String {
    let path = Path::default().key("agents").key("image");
    let tag = part(&path.key("tag"), Some(&agents.tag.0), names::image_tag, report);
    let suffix = part(&path.key("tagSuffix"), Some(&agents.tag_suffix.0), names::image_tag, report);
    let mut tag = tag.unwrap_or_else(|| built_in.tag.clone());
    for suffix in fips.then_some("fips").into_iter().chain(suffix.as_deref()) {
        if !tag.ends_with(&format!("-{suffix}")) {
            tag.push('-');
            tag.push_str(suffix);
        }
    }
    tag
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
