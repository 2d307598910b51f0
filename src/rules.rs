//! The configuration as decisions use it: compiled once, immutable, shared by all reviews.

mod foresight;
mod index;
mod needs;

use crate::{config::Config, seen::ObjectRef, select::Subject, sidecar::Template};
pub(crate) use foresight::Foreseen;
use index::Index;
pub(crate) use index::NAMESPACE_NAME;
use needs::Needs;
pub(crate) use needs::{CA, CA_KEY, CA_VOLUME, Missing, Without};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::OnceLock,
};

/// The labels of one namespace.
pub type Labels = BTreeMap<String, String>;

/// The labels of the namespaces that are known.
pub type Namespaces = HashMap<String, Labels>;

/// What a decision depends on besides the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The injector's own namespace: never injected, and where the Cluster Agent is looked for.
    pub own_namespace: String,
    /// The API server's minor version, such as 35 in 1.35; native sidecars need 29.
    pub kubernetes_minor: u32,
    /// Whether manifests are injected rather than admission reviews answered.
    pub offline: bool,
}

/// A configuration compiled for deciding.
#[derive(Debug)]
pub struct Rules {
    /// What it was compiled from.
    pub config: Config,
    /// What else it was compiled for.
    pub setting: Setting,
    /// What never changes between the pods of a profile, by its position in the configuration.
    templates: Vec<Template>,
    /// The same for namespaces that lack something: made for the first of those, since most clusters have none.
    without_verification: OnceLock<Vec<Template>>,
    without_cluster_agent: OnceLock<Vec<Template>>,
    /// What each profile refers to.
    needs: Vec<Needs>,
    /// The images of all profiles, without tags and digests: a container that runs one is an agent.
    agents: HashSet<String>,
    index: Index,
}

impl Rules {
    /// Compiles a checked configuration.
    pub fn compile(config: Config, setting: Setting) -> Self {
        let index = Index::new(&config.selectors);
        let templates = templates(&config, &setting);
        let needs = config.profiles.iter().map(|profile| Needs::of(&config, profile)).collect();
        let agents = config.profiles.iter().map(|profile| profile.image.repository()).collect();
        Self {
            config,
            setting,
            templates,
            without_verification: OnceLock::new(),
            without_cluster_agent: OnceLock::new(),
            needs,
            agents,
            index,
        }
    }

    /// What never changes between the pods of a profile in namespaces that lack this.
    pub(crate) fn template(&self, profile: usize, without: Without) -> Option<&Template> {
        let reduced = || templates(&needs::reduced(&self.config, without), &self.setting);
        let templates = match without {
            Without::Nothing => &self.templates,
            Without::Verification => self.without_verification.get_or_init(reduced),
            Without::ClusterAgent => self.without_cluster_agent.get_or_init(reduced),
        };
        templates.get(profile)
    }

    /// What the pod's namespace is known to lack of what the sidecar of a profile needs.
    pub(crate) fn missing<'a>(&'a self, profile: usize, subject: Subject<'a>) -> Option<Missing<'a>> {
        self.needs.get(profile)?.missing(subject)
    }

    /// The objects that sidecars refer to in the namespaces of their pods: none where nothing is injected.
    pub fn objects(&self) -> BTreeSet<&ObjectRef> {
        let needs = if self.config.enabled { self.needs.as_slice() } else { &[] };
        needs.iter().flat_map(Needs::objects).collect()
    }

    /// Whether an image, without its tag and digest, is one that some profile injects.
    pub(crate) fn injects(&self, repository: &str) -> bool {
        self.agents.contains(repository)
    }

    /// Whether pods of a namespace are never touched.
    pub fn excludes(&self, namespace: &str) -> bool {
        namespace == self.setting.own_namespace
            || self.config.excluded_namespaces.iter().any(|n| n == namespace)
    }

    /// The first selector that matches, as its position in the configuration.
    pub(crate) fn first_match<'p>(
        &self,
        pod: impl Fn(&str) -> Option<&'p str>,
        pod_pairs: impl Iterator<Item = (&'p str, &'p str)>,
        namespace: &str,
        namespace_labels: Option<&Labels>,
    ) -> Option<usize> {
        self.index.first_match(&self.config.selectors, pod, pod_pairs, namespace, namespace_labels)
    }

    /// Whether some selector looks at labels of namespaces other than their name: those must be known to decide.
    pub fn needs_namespace_labels(&self) -> bool {
        self.config.selectors.iter().filter_map(|s| s.namespace.as_ref()).any(|selector| {
            selector.match_labels.iter().any(|(key, _)| key != NAMESPACE_NAME)
                || selector.match_expressions.iter().any(|r| r.key != NAMESPACE_NAME)
        })
    }
}

fn templates(config: &Config, setting: &Setting) -> Vec<Template> {
    config.profiles.iter().map(|profile| Template::new(config, profile, setting)).collect()
}
