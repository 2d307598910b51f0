//! Configurations: of many selectors and profiles, and of one profile with everything.

use std::fmt::Write;

/// Which of the selectors matches the pods of [`crate::body`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The last: the worst case of trying them in turn.
    Last,
    /// None, which is the usual case in a cluster.
    None,
}

/// A values file with one profile that states everything.
pub const EVERY_FEATURE: &str = include_str!("every_feature.yaml");

/// A values file. With more than one profile, each selector names its own (modulo their number).
pub fn values(selectors: usize, profiles: usize, matching: Matching) -> String {
    let mut yaml =
        String::from("clusterAgent: {admissionController: {agentSidecarInjection: {\nselectors: [\n");
    let named = |n: usize| if profiles > 1 { format!("profile: p{}, ", n % profiles) } else { String::new() };
    for n in 0..selectors {
        let last = matching == Matching::Last && n + 1 == selectors;
        let team = if last { "payments".to_owned() } else { format!("team-{n}") };
        // The first label matches every pod, so that a mismatch shows only at the second. Writing to a string cannot fail.
        let _ = writeln!(
            yaml,
            "{{{}objectSelector: {{matchLabels: {{agent.datadoghq.com/sidecar: fargate, team: {team}}}, \
             matchExpressions: [{{key: tier, operator: In, values: [frontend, backend]}}]}}}},",
            named(n)
        );
    }
    yaml.push_str("],\nprofiles: [\n");
    for n in 0..profiles {
        let name = if profiles > 1 { format!("p{n}") } else { "default".into() };
        let _ = writeln!(yaml, "{{name: {name}, env: [{{name: DD_TEAM, value: team-{n}}}]}},");
    }
    yaml.push_str("]}}}\n");
    yaml
}
