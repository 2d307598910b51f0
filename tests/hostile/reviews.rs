//! Reviews as large as they may be, and configurations that look at all of them.

use std::fmt::Write as _;

/// The largest body that is taken.
pub const LARGEST: usize = 7 << 20;

/// What a pod can be filled with that still gets through in etcd.
pub const ORDINARY: usize = 600_000;

/// The defaults.
pub const DEFAULTS: &str = "";

/// Everything on.
pub const ALL: &str = "
datadog: {clusterName: c, tags: ['a:b'], podLabelsAsTags: {app: app}, podAnnotationsAsTags: {team: team}}
clusterAgent:
  admissionController:
    agentSidecarInjection:
      kubeletApiLogging: {enabled: true, containerCollectAll: true}
      clusterAgentTlsVerification: {enabled: true}
      profiles:
        - cws: {enabled: true}
          ports: {dogstatsd: true, apm: true, otlp: true}
          sockets: {enabled: true}
          serviceAccountToken: true
          waitForAgent: true
          logs: {enabled: true, containerCollectAll: true}
          securityContext: {readOnlyRootFilesystem: true}
          checks:
            - {name: redisdb, configMap: redis-check}
            - {name: http_check, container: app, instances: [{name: shop, url: 'http://%%host%%:8080/'}]}
";

/// Every list and map of a pod that a body can fill, and text that is read as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Labels,
    Annotations,
    Entrypoints,
    NodeSelector,
    Containers,
    InitContainers,
    Volumes,
    Env,
    Ports,
    VolumeMounts,
    Command,
    ImagePullSecrets,
    DropCapabilities,
    Resources,
    Tolerations,
}

impl Place {
    /// What its elements can look like: the cheapest, null, and such as are told apart. `#` is a number.
    pub fn elements(self) -> &'static [&'static str] {
        match self {
            Self::Labels | Self::Annotations | Self::NodeSelector => &[r#""a":"b""#, r##""k#":"v""##],
            Self::Entrypoints => &[r#"\"a\":[]"#, r##"\"k#\":[\"/a\"]"##],
            Self::Containers | Self::InitContainers => &["{}", "null", r##"{"name":"c#","image":"i"}"##],
            Self::Volumes => &["{}", "null", r##"{"name":"v#","emptyDir":{}}"##],
            Self::Env => &["{}", r##"{"name":"E#","value":"v"}"##],
            Self::Ports => &["{}", r##"{"name":"p#","containerPort":8080}"##],
            Self::VolumeMounts => &["{}", r##"{"name":"v#","mountPath":"/m"}"##],
            Self::Command => &[r#""""#, "1e308", r##""/c#""##],
            Self::ImagePullSecrets => &["{}", r##"{"name":"s#"}"##],
            Self::DropCapabilities => &[r#""A""#, r##""C#""##],
            Self::Resources => &[r#""cpu":"1""#, r##""k#":"1""##],
            Self::Tolerations => &["{}", r##"{"key":"t#"}"##],
        }
    }
}

/// A review of a pod with one place filled with as many such elements as fit.
pub fn filled(place: Place, element: &str, size: usize, selected: bool) -> Vec<u8> {
    let room = size - with(place, "", selected).len();
    let mut filling = String::with_capacity(room);
    for number in 0_usize.. {
        let before = filling.len();
        let (front, back) = element.split_once('#').unwrap_or((element, ""));
        let comma = if number == 0 { "" } else { "," };
        if element.contains('#') {
            _ = write!(filling, "{comma}{front}{number}{back}");
        } else {
            filling += comma;
            filling += front;
        }
        if filling.len() + 1 > room {
            filling.truncate(before);
            break;
        }
    }
    with(place, &filling, selected).into_bytes()
}

fn with(place: Place, filling: &str, selected: bool) -> String {
    let fill = |at: Place, first: &str| {
        let filling = if at == place { filling } else { "" };
        let comma = if first.is_empty() || filling.is_empty() { "" } else { "," };
        format!("{first}{comma}{filling}")
    };
    let selecting = if selected { r#""agent.datadoghq.com/sidecar":"fargate""# } else { "" };
    let entrypoints =
        format!(r#""agent.datadoghq.com/sidecar.entrypoints":"{{{}}}""#, fill(Place::Entrypoints, ""));
    let metadata = format!(
        r#"{{"generateName":"web-","labels":{{{}}},"annotations":{{{}}}}}"#,
        fill(Place::Labels, selecting),
        fill(Place::Annotations, &entrypoints),
    );
    let app = format!(
        r#"{{"name":"app","image":"app","command":[{}],"env":[{}],"ports":[{}],"volumeMounts":[{}],"resources":{{"requests":{{{}}}}},"securityContext":{{"capabilities":{{"drop":[{}]}}}}}}"#,
        fill(Place::Command, r#""/app""#),
        fill(Place::Env, ""),
        fill(Place::Ports, ""),
        fill(Place::VolumeMounts, ""),
        fill(Place::Resources, ""),
        fill(Place::DropCapabilities, ""),
    );
    let spec = format!(
        r#"{{"nodeSelector":{{{}}},"volumes":[{}],"imagePullSecrets":[{}],"tolerations":[{}],"initContainers":[{}],"containers":[{}]}}"#,
        fill(Place::NodeSelector, ""),
        fill(Place::Volumes, ""),
        fill(Place::ImagePullSecrets, ""),
        fill(Place::Tolerations, ""),
        fill(Place::InitContainers, ""),
        fill(Place::Containers, &app),
    );
    review("1", "shop", &format!(r#"{{"metadata":{metadata},"spec":{spec}}}"#))
}

/// A review of a pod.
pub fn review(uid: &str, namespace: &str, pod: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"{uid}","kind":{{"group":"","version":"v1","kind":"Pod"}},"resource":{{"group":"","version":"v1","resource":"pods"}},"operation":"CREATE","namespace":"{namespace}","object":{pod}}}}}"#
    )
}
