//! What holds of every file.

use super::{injection, under_injection, values};
use datadog_sidecar_injector::config::{self, Config, EnvVar, Profile};
use proptest::prelude::*;

const EXAMPLES: [&str; 2] =
    [include_str!("../../../examples/values.yaml"), include_str!("../../../examples/profiles.yaml")];

/// A profile's env in YAML: a few names, so that they collide.
fn env() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("[A-F]", "[a-z0-9 ]{0,6}", 0..5).prop_map(|map| map.into_iter().collect())
}

fn profile(name: &str, env: &[(String, String)], cpu: Option<u32>) -> String {
    let env: Vec<String> =
        env.iter().map(|(name, value)| format!("{{name: {name}, value: {value:?}}}")).collect();
    let cpu = cpu.map_or_else(String::new, |cpu| format!(", resources: {{limits: {{cpu: {cpu}m}}}}"));
    format!("  - {{name: {name}, env: [{}]{cpu}}}\n", env.join(", "))
}

fn find<'a>(profile: &'a Profile, name: &str) -> Option<&'a EnvVar> {
    profile.env.iter().find(|variable| variable.name == name)
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = config::load_bytes(&bytes, "f");
    }

    #[test]
    fn no_yaml_panics(text in "[-a-z0-9:{}\\[\\],&*!|>'\"#%@`?~<. \n\t]{0,120}") {
        let _ = config::load(&text, "f");
        let _ = config::load(&under_injection(&text), "f");
    }

    #[test]
    fn no_damaged_file_panics(example in prop::sample::select(&EXAMPLES[..]), cuts in prop::collection::vec((any::<prop::sample::Index>(), "[-:{}\\[\\] \na-z0-9\"]{0,3}"), 1..6)) {
        let mut chars: Vec<char> = example.chars().collect();
        for (at, text) in cuts {
            let at = at.index(chars.len());
            chars.splice(at..(at + 2).min(chars.len()), text.chars());
        }
        let text: String = chars.into_iter().collect();
        if let Err(problems) = config::load(&text, "f") {
            let lines = text.lines().count() as u64;
            prop_assert!(problems.list.iter().all(|problem| (1..=lines + 1).contains(&problem.line) && problem.column > 0), "{problems}");
        }
    }

    #[test]
    fn the_upper_layer_wins_and_nothing_is_lost(lower in env(), upper in env(), cpu in prop::option::of(1_u32..1000), other in prop::option::of(1_u32..1000)) {
        let config = injection(&format!("profiles:\n{}{}", profile("default", &lower, cpu), profile("p", &upper, other)));
        let [default, p] = &config.profiles[..] else { panic!("{:?}", config.profiles) };
        for (name, value) in &upper {
            prop_assert_eq!(find(p, name).and_then(|variable| variable.value.as_ref()), Some(value));
        }
        for (name, _) in lower.iter().filter(|(name, _)| !upper.iter().any(|(other, _)| name == other)) {
            prop_assert_eq!(find(p, name), find(default, name));
        }
        let mut names: Vec<&str> = p.env.iter().map(|variable| variable.name.as_str()).collect();
        names.sort_unstable();
        let length = names.len();
        names.dedup();
        prop_assert_eq!(names.len(), length, "a name occurs once");
        let expected = other.or(cpu).map_or_else(|| "200m".to_owned(), |cpu| format!("{cpu}m"));
        prop_assert_eq!(&p.resources.requests, &p.resources.limits);
        prop_assert_eq!(&p.resources.limits[0], &("cpu".to_owned(), expected));
        prop_assert_eq!(p.resources.limits.len(), 2);
    }

    #[test]
    fn a_layer_over_itself_and_an_empty_layer_change_nothing(env in env(), cpu in prop::option::of(1_u32..1000)) {
        let config = injection(&format!("profiles:\n{}{}{}", profile("default", &env, cpu), profile("same", &env, cpu), profile("empty", &[], None)));
        for profile in &config.profiles {
            let renamed = Profile { name: config.profiles[0].name.clone(), ..profile.clone() };
            prop_assert_eq!(&renamed, &config.profiles[0]);
        }
    }

    #[test]
    fn where_the_default_profile_stands_means_nothing(env in env(), upper in env()) {
        let (default, p) = (profile("default", &env, None), profile("p", &upper, None));
        let strip = |config: Config| Config { hash: String::new(), ..config };
        let (one, other) = (injection(&format!("profiles:\n{default}{p}")), injection(&format!("profiles:\n{p}{default}")));
        prop_assert_eq!(&one.hash, &other.hash);
        prop_assert_eq!(strip(one), strip(other));
    }
}

#[test]
fn aliases_do_not_multiply() {
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 8].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let problems = config::load(&yaml, "f").unwrap_err();
    assert_eq!(problems.list[0].message, "too large, its aliases expanded");
}

#[test]
fn deep_nesting_is_refused() {
    const DEEP: &str = "nested deeper than 32 levels";
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let nested = |depth: usize| format!("a: {}{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(config::load(&nested(100), "f").unwrap_err().list[0].message, DEEP);
        assert!(config::load(&nested(10_000), "f").is_err());
    }
    let chain = (1..100).map(|level| format!("a{level}: &a{level} {{x: *a{}}}\n", level - 1));
    let aliases = format!("a0: &a0 {{}}\n{}", chain.collect::<String>());
    assert_eq!(config::load(&aliases, "f").unwrap_err().list[0].message, DEEP);
    assert_eq!(values("a: [[[[[[[[[[[]]]]]]]]]]]").notices, Vec::<String>::new());
}
