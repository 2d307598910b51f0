//! What never changes between the pods of a profile, made once when the configuration is compiled.

use super::{
    checks::Checks,
    container, cws,
    env::{self, Variables},
    record, security, sockets, token,
    volumes::{From, Own, mount},
};
use crate::{
    config::{Config, Mode, Ports, Profile, Provider, Resources},
    patch::string,
    rules::{CA, CA_KEY, CA_VOLUME, Setting},
};
use serde_json::Value;

const RUN_PATH: &str = "/opt/datadog-agent/run";
const CERTIFICATES: &str = "/etc/datadog-agent/certificates";

/// Where the agent writes: a volume for each, so that its root can be read-only.
const WRITABLE: [(&str, &str); 4] = [
    ("agent-config", "/etc/datadog-agent"),
    ("agent-option", RUN_PATH),
    ("agent-tmp", "/tmp"),
    ("agent-log", "/var/log/datadog"),
];

/// What fills the agent's configuration directory where its root is read-only.
const COPY: &str = r#""command":["sh","-c","cp -R /etc/datadog-agent/* /agent-config/"]"#;

/// The sidecar of a profile, but for what a pod changes in it.
#[derive(Debug)]
pub(crate) struct Template {
    /// `"image":…,"imagePullPolicy":…`, the same in the copy step.
    pub(super) image: String,
    /// Our variables, with the operator's literals that replace one of ours in its place; joined by commas.
    pub(super) env: String,
    /// The operator's other variables, which may refer to all that come before them.
    pub(super) own_env: String,
    /// Names that the operator sets.
    configured: Vec<String>,
    /// Ports that the operator gives to the agent.
    pub(super) configured_ports: Vec<u16>,
    /// Whether the agent takes no traces, so that nobody is to send it any.
    pub(super) no_traces: bool,
    /// Whether the agent takes no metrics from applications.
    no_metrics: bool,
    pub(super) mode: Mode,
    pub(super) resources: Resources,
    /// The same as JSON.
    pub(super) resources_json: String,
    pub(super) security: security::Profile,
    pub(super) read_only_root: bool,
    /// The copy step, but for what follows the pod.
    pub(super) copy_step: container::Step,
    pub(super) waits: bool,
    pub(super) share_processes: bool,
    pub(super) sockets: bool,
    pub(super) ports: Ports,
    pub(super) checks: Checks,
    pub(super) cws: Option<cws::Compiled>,
    /// Whether the sidecar has a token of its own.
    pub(super) own_token: bool,
    pub(super) pull_secrets: Vec<String>,
    pub(super) volumes: Vec<Own>,
    /// Whether something of the profile's is where the API server mounts a token.
    pub(super) mounts_token: bool,
    /// Mounts beside the sockets', as JSON texts.
    pub(super) mounts: Vec<String>,
    /// The record's value, a JSON string.
    pub(super) status: String,
}

impl Template {
    /// Compiles a profile.
    pub(crate) fn new(config: &Config, profile: &Profile, setting: &Setting) -> Self {
        let image = format!(
            r#""image":{},"imagePullPolicy":{}"#,
            string(&profile.image.reference()),
            string(config.pull_policy.as_str())
        );
        let read_only_root =
            profile.security_context.get("readOnlyRootFilesystem") == Some(&Value::Bool(true));

        let mut variables = Variables::default();
        agent(&mut variables, config, profile);
        let mut volumes = Vec::new();
        let mut mounts = Vec::new();
        if let Some(cluster_agent) = &config.cluster_agent {
            let namespace = cluster_agent.namespace.as_deref().unwrap_or(&setting.own_namespace);
            let host = format!("{}.{namespace}.svc.cluster.local", cluster_agent.service);
            let mut set = |name, json| variables.set(name, json);
            set("DD_CLUSTER_AGENT_ENABLED", env::literal("DD_CLUSTER_AGENT_ENABLED", "true"));
            set(
                "DD_CLUSTER_AGENT_AUTH_TOKEN",
                env::secret("DD_CLUSTER_AGENT_AUTH_TOKEN", &profile.token_secret),
            );
            let url = format!("https://{host}:{}", cluster_agent.port);
            set("DD_CLUSTER_AGENT_URL", env::literal("DD_CLUSTER_AGENT_URL", &url));
            set("DD_ORCHESTRATOR_EXPLORER_ENABLED", env::literal("DD_ORCHESTRATOR_EXPLORER_ENABLED", "true"));
            if cluster_agent.tls_verification {
                let (verify, file) = (
                    "DD_CLUSTER_TRUST_CHAIN_ENABLE_TLS_VERIFICATION",
                    "DD_CLUSTER_TRUST_CHAIN_CA_CERT_FILE_PATH",
                );
                set(verify, env::literal(verify, "true"));
                set(file, env::literal(file, &format!("{CERTIFICATES}/{CA_KEY}")));
                volumes.push(Own {
                    name: CA_VOLUME.into(),
                    // The agent can do without, and the pod would wait for ever.
                    from: From::OptionalConfigMap(CA.into()),
                });
                mounts.push(mount(CA_VOLUME, CERTIFICATES, true));
            }
        }
        let mut set = |name, value| variables.set(name, env::literal(name, value));
        let sockets = config.provider == Provider::Fargate && profile.sockets;
        if sockets {
            sockets::AGENT.into_iter().for_each(|(name, value)| set(name, value));
        }
        let logs = profile.logs;
        if logs.enabled {
            set("DD_LOGS_ENABLED", "true");
            set("DD_LOGS_CONFIG_K8S_CONTAINER_USE_KUBELET_API", "true");
            set("DD_LOGS_CONFIG_RUN_PATH", RUN_PATH);
            if logs.collect_all {
                set("DD_LOGS_CONFIG_CONTAINER_COLLECT_ALL", "true");
            }
        }
        if profile.process_collection {
            set("DD_PROCESS_AGENT_PROCESS_COLLECTION_ENABLED", "true");
            set("DD_PROCESS_CONFIG_PROCESS_COLLECTION_ENABLED", "true");
        }
        if profile.ports.dogstatsd {
            set("DD_DOGSTATSD_NON_LOCAL_TRAFFIC", "true");
        }
        if profile.ports.apm {
            set("DD_APM_NON_LOCAL_TRAFFIC", "true");
        }
        if profile.cws.is_some() {
            cws::AGENT.into_iter().for_each(|name| set(name, "true"));
            volumes.push(cws::VOLUME);
        }
        for (name, path) in WRITABLE {
            if read_only_root || logs.enabled && path == RUN_PATH {
                volumes.push(Own::empty_dir(name));
                mounts.push(mount(name, path, false));
            }
        }
        if profile.service_account_token {
            volumes.push(token::volume());
            mounts.push(token::MOUNT.to_owned());
        }
        let mut checks = Checks::new(&profile.checks);
        volumes.append(&mut checks.volumes);
        mounts.append(&mut checks.mounts);
        volumes.extend(profile.volumes.iter().filter_map(Own::given));
        mounts.extend(profile.volume_mounts.iter().map(ToString::to_string));

        let literal = |name: &str| env::last_literal(&[&config.env, &profile.env], name);
        let switched_off = |name: &str| literal(name).is_some_and(env::is_false);
        let (no_traces, no_metrics) = (switched_off("DD_APM_ENABLED"), switched_off("DD_USE_DOGSTATSD"));
        let probe = literal(cws::PROBE);
        let own = env::lay(&mut variables, &[&config.env, &profile.env]);
        Self {
            copy_step: container::Step {
                members: format!("{image},{COPY}"),
                mount: mount("agent-config", "/agent-config", false),
            },
            mounts_token: profile.service_account_token
                || profile.volume_mounts.iter().any(|mount| mount["mountPath"] == token::PATH),
            image,
            env: variables.joined(),
            own_env: own.joined(),
            configured: own.names(),
            configured_ports: env::ports(&[&config.env, &profile.env]),
            no_traces,
            no_metrics,
            mode: profile.mode,
            resources: profile.resources.clone(),
            resources_json: container::resources(&profile.resources),
            security: security::Profile::new(&profile.security_context),
            read_only_root,
            waits: profile.wait_for_agent,
            share_processes: profile.share_process_namespace,
            sockets,
            ports: profile.ports,
            checks,
            cws: profile.cws.as_ref().map(|cws| cws::Compiled::new(cws, config.pull_policy.as_str(), probe)),
            own_token: profile.service_account_token,
            pull_secrets: [config.image_pull_secrets.as_slice(), &profile.image_pull_secrets].concat(),
            volumes,
            mounts,
            status: string(&record::status(config, profile)),
        }
    }

    /// The addresses that applications are not to be told, by their variables: nobody listens there.
    pub(super) fn silent(&self) -> sockets::Silent {
        sockets::Silent { traces: self.no_traces, metrics: self.no_metrics }
    }

    /// Whether the operator sets a variable, so that a pod does not.
    pub(super) fn configures(&self, variable: &str) -> bool {
        self.configured.iter().any(|name| name == variable)
    }
}

/// The variables every agent gets.
fn agent(variables: &mut Variables, config: &Config, profile: &Profile) {
    let mut set = |name: &str, json: String| variables.set(name, json);
    set("DD_API_KEY", env::secret("DD_API_KEY", &profile.api_key_secret));
    set("DD_SITE", env::literal("DD_SITE", &config.site));
    if !config.cluster_name.is_empty() {
        set("DD_CLUSTER_NAME", env::literal("DD_CLUSTER_NAME", &config.cluster_name));
    }
    set("DD_KUBERNETES_KUBELET_NODENAME", env::field("DD_KUBERNETES_KUBELET_NODENAME", "spec.nodeName"));
    if config.provider == Provider::Fargate {
        set("DD_EKS_FARGATE", env::literal("DD_EKS_FARGATE", "true"));
    }
    let tags = [config.tags.as_slice(), &profile.tags].concat();
    if !tags.is_empty() {
        set("DD_TAGS", env::literal("DD_TAGS", &env::tags(&tags)));
    }
}
