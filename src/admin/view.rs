//! The configuration in force, and what is known of the objects it refers to, as a page, without the values of environment variables.

use crate::{
    config::{Config, EnvVar, LabelSelector, Operator, Profile, Requirement, Selector},
    rules::Rules,
    seen::{ObjectRef, Objects},
};
use serde_json::{Value, json};

/// Everything but the values of variables, which a person may have written a secret into.
pub(super) fn of(rules: &Rules, objects: &Objects) -> Value {
    let setting = &rules.setting;
    // Without `..`: whoever adds a field decides here whether it may be shown.
    let Config {
        enabled,
        site,
        cluster_name,
        tags,
        env,
        cluster_agent,
        provider,
        image,
        pull_policy,
        image_pull_secrets,
        on_missing_secret,
        selectors,
        profiles,
        pod_overrides,
        excluded_namespaces,
        notices,
        hash,
    } = &rules.config;
    json!({
        "hash": hash,
        "notices": notices,
        "ownNamespace": setting.own_namespace,
        "kubernetesVersion": format!("1.{}", setting.kubernetes_minor),
        "enabled": enabled,
        "provider": word(provider),
        "site": site,
        "clusterName": cluster_name,
        "tags": tags,
        "env": names(env),
        "clusterAgent": cluster_agent.as_ref().map(|agent| json!({
            "service": agent.service,
            "namespace": agent.namespace,
            "port": agent.port,
            "tlsVerification": agent.tls_verification,
        })),
        "image": image.reference(),
        "imagePullPolicy": pull_policy.as_str(),
        "imagePullSecrets": image_pull_secrets,
        "onMissingSecret": word(on_missing_secret),
        "objects": rules.objects().into_iter().map(|one| object(one, objects)).collect::<Value>(),
        "selectors": selectors.iter().map(|s| selector(s, profiles)).collect::<Value>(),
        "profiles": profiles.iter().map(profile).collect::<Value>(),
        "podOverrides": pod_overrides.iter().map(word).collect::<Value>(),
        "excludedNamespaces": excluded_namespaces,
    })
}

/// What sidecars refer to, and how many namespaces are known to have it; `null`: that is not known.
fn object(object: &ObjectRef, objects: &Objects) -> Value {
    let namespaces = objects.get(object).map(|holders| holders.len());
    json!({ "kind": object.kind.as_str(), "name": object.name, "namespaces": namespaces })
}

fn selector(selector: &Selector, profiles: &[Profile]) -> Value {
    json!({
        "name": selector.name,
        "profile": profiles.get(selector.profile).map(|profile| &profile.name),
        "objectSelector": selector.object.as_ref().map(label_selector),
        "namespaceSelector": selector.namespace.as_ref().map(label_selector),
    })
}

fn label_selector(selector: &LabelSelector) -> Value {
    let labels: serde_json::Map<_, _> =
        selector.match_labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    json!({
        "matchLabels": labels,
        "matchExpressions": selector.match_expressions.iter().map(requirement).collect::<Value>(),
    })
}

fn requirement(requirement: &Requirement) -> Value {
    let (operator, values) = match &requirement.operator {
        Operator::In(values) => ("In", values.as_slice()),
        Operator::NotIn(values) => ("NotIn", values.as_slice()),
        Operator::Exists => ("Exists", [].as_slice()),
        Operator::DoesNotExist => ("DoesNotExist", [].as_slice()),
    };
    json!({ "key": requirement.key, "operator": operator, "values": values })
}

fn profile(profile: &Profile) -> Value {
    let Profile {
        name,
        env,
        resources,
        security_context,
        mode,
        api_key_secret,
        token_secret,
        selectable,
        image,
        image_pull_secrets,
        wait_for_agent,
        share_process_namespace,
        sockets,
        ports,
        logs,
        process_collection,
        cws,
        checks,
        volumes,
        volume_mounts,
        tags,
        service_account_token,
    } = profile;
    // Of these only the names: what else they hold is the operator's.
    let named = |list: &[Value]| -> Value { list.iter().map(|value| value["name"].clone()).collect() };
    let list = |list: &[(String, String)]| -> Value {
        list.iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "name": name,
        "mode": word(mode),
        "selectable": selectable,
        "env": names(env),
        "resources": { "requests": list(&resources.requests), "limits": list(&resources.limits) },
        "securityContext": security_context,
        "apiKeySecret": { "name": api_key_secret.name, "key": api_key_secret.key },
        "clusterAgentTokenSecret": { "name": token_secret.name, "key": token_secret.key },
        "image": image.reference(),
        "imagePullSecrets": image_pull_secrets,
        "waitForAgent": wait_for_agent,
        "shareProcessNamespace": share_process_namespace,
        "sockets": { "enabled": sockets },
        "ports": { "dogstatsd": ports.dogstatsd, "apm": ports.apm, "otlp": ports.otlp },
        "logs": { "enabled": logs.enabled, "containerCollectAll": logs.collect_all },
        "processCollection": process_collection,
        "cws": { "enabled": cws.is_some() },
        "checks": checks.iter().map(|check| check.name.as_str()).collect::<Value>(),
        "volumes": named(volumes),
        "volumeMounts": named(volume_mounts),
        "tags": tags,
        "serviceAccountToken": service_account_token,
    })
}

fn names(env: &[EnvVar]) -> Value {
    env.iter().map(|variable| variable.name.as_str()).collect()
}

/// The name of a variant without fields, as configurations write it.
fn word(variant: &impl std::fmt::Debug) -> Value {
    format!("{variant:?}").to_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Setting;

    #[test]
    fn names_variables_and_hides_their_values() {
        let secret = |name: &str| EnvVar {
            name: name.into(),
            value: Some("hunter2".into()),
            value_from: Some(json!({ "hidden": "hunter2" })),
        };
        let mut config = Config { env: vec![secret("DD_PROXY_HTTPS")], ..Config::default() };
        config.profiles[0].env.push(secret("DD_PASSWORD"));
        let setting = Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline: false };
        let mut objects = Objects::default();
        let rules = Rules::compile(config, setting);
        let one = |namespaces: Value| json!([{"kind": "Secret", "name": "datadog-secret", "namespaces": namespaces}]);
        assert_eq!(of(&rules, &objects)["objects"], one(Value::Null));
        let holders = [("shop".into(), ["api-key".into()].into())].into();
        objects.insert(ObjectRef::secret("datadog-secret"), holders);
        let page = of(&rules, &objects);
        assert_eq!(page["objects"], one(json!(1)));
        assert_eq!(page["env"], json!(["DD_PROXY_HTTPS"]));
        assert_eq!(page["profiles"][0]["env"], json!(["DD_PASSWORD"]));
        assert!(!page.to_string().contains("hunter2"), "{page:#}");
        assert_eq!(page["kubernetesVersion"], "1.35");
        assert_eq!(page["profiles"][0]["resources"]["limits"]["cpu"], "200m");
        assert_eq!(page["selectors"][0]["profile"], "default");
        assert_eq!(page["podOverrides"], json!(["profile", "resources", "mode", "entrypoints"]));
    }
}
