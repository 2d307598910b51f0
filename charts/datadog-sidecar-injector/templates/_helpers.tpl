{{- /* The one name of everything: there is one installation in a cluster, as its webhook configuration has a fixed name. */ -}}
{{- define "datadog-sidecar-injector.name" -}}
datadog-sidecar-injector
{{- end -}}

{{- /* The values with every default filled in, as JSON. A key that is null, or that an older release did not have, has its default. */ -}}
{{- define "datadog-sidecar-injector.values" -}}
{{- mustMergeOverwrite (include "datadog-sidecar-injector.defaults" . | fromJson) (include "datadog-sidecar-injector.given" .Values | fromJson) | toRawJson -}}
{{- end -}}

{{- /* A mapping without its keys that are null, as JSON. */ -}}
{{- define "datadog-sidecar-injector.given" -}}
{{- $given := dict -}}
{{- range $key, $value := . -}}
{{-   if kindIs "map" $value -}}
{{-     $_ := set $given $key (include "datadog-sidecar-injector.given" $value | fromJson) -}}
{{-   else if not (kindIs "invalid" $value) -}}
{{-     $_ := set $given $key $value -}}
{{-   end -}}
{{- end -}}
{{- toRawJson $given -}}
{{- end -}}

{{- /* The configuration that the program reads: what it knows of the values, and no secret. Of other keys it gets the names alone, so
that it can tell which have no effect. */ -}}
{{- define "datadog-sidecar-injector.config" -}}
{{- $datadog := pick (.Values.datadog | default dict) "apiKeyExistingSecret" "appKeyExistingSecret" "site" "dd_url" "clusterName" "tags" "env" "logLevel" "logs" "processAgent" "otlp" "podLabelsAsTags" "podAnnotationsAsTags" "namespaceLabelsAsTags" "checksCardinality" "containerInclude" "containerExclude" "containerIncludeMetrics" "containerExcludeMetrics" "containerIncludeLogs" "containerExcludeLogs" "dogstatsd" "apm" -}}
{{- $cluster := .Values.clusterAgent | default dict -}}
{{- $controller := $cluster.admissionController | default dict -}}
{{- $agents := .Values.agents | default dict -}}
{{- $top := pick .Values "registry" "fullnameOverride" "nameOverride" "useFIPSAgent" "existingClusterAgent" -}}
{{- $image := pick ($agents.image | default dict) "repository" "name" "tag" "tagSuffix" "digest" "pullPolicy" "pullSecrets" -}}
{{- $knownAgent := pick $cluster "enabled" "tokenExistingSecret" "serviceName" "serviceNamespace" "servicePort" -}}
{{- $knownController := pick $controller "enabled" "failurePolicy" "timeoutSeconds" "port" "containerRegistry" "agentSidecarInjection" -}}
{{- range list (list $datadog (omit (.Values.datadog | default dict) "apiKey")) (list $knownAgent (omit $cluster "admissionController")) (list $knownController $controller) (list $top (omit .Values "datadog" "clusterAgent" "agents" "injector" "commonLabels" "global" "fips")) -}}
{{-   $known := first . -}}
{{-   range $key, $value := last . -}}
{{-     $empty := and (not $value) (not (kindIs "bool" $value)) -}}
{{-     if not (or (hasKey $known $key) $empty) -}}{{- $_ := set $known $key "-" -}}{{- end -}}
{{-   end -}}
{{- end -}}
{{- /* Of the Cluster Agent's variables the names of those by which people set up Datadog's own controller. */ -}}
{{- $variables := list -}}
{{- $env := ternary $cluster.env list (kindIs "slice" $cluster.env) -}}
{{- $envDict := ternary $cluster.envDict dict (kindIs "map" $cluster.envDict) -}}
{{- range $env -}}
{{-   if not (kindIs "map" .) -}}{{- continue -}}{{- end -}}
{{-   if hasPrefix "DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_" (toString .name) -}}{{- $variables = append $variables (dict "name" .name) -}}{{- end -}}
{{- end -}}
{{- if $env -}}{{- $_ := set $knownAgent "env" $variables -}}{{- end -}}
{{- $named := dict -}}
{{- range $name, $_ := $envDict -}}
{{-   if hasPrefix "DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_" $name -}}{{- $_ := set $named $name "" -}}{{- end -}}
{{- end -}}
{{- if $envDict -}}{{- $_ := set $knownAgent "envDict" $named -}}{{- end -}}
{{- /* Of Datadog's own agents the image, and the names of what is said of them besides. */ -}}
{{- $ofAgents := dict "image" $image -}}
{{- range $key, $value := omit $agents "image" -}}
{{-   if and $value (or (kindIs "map" $value) (kindIs "slice" $value)) -}}{{- $_ := set $ofAgents $key (list "") -}}{{- end -}}
{{- end -}}
{{- if and (kindIs "map" .Values.fips) (get (.Values.fips | default dict) "enabled") -}}{{- $_ := set $top "fips" (dict "enabled" true) -}}{{- end -}}
{{- /* Of the injector what sidecars are told. */ -}}
{{- $kubelet := ((.Values.injector | default dict).rbac | default dict).kubelet | default dict -}}
{{- with $kubelet.access -}}{{- $_ := set $top "injector" (dict "rbac" (dict "kubelet" (dict "access" .))) -}}{{- end -}}
{{- toYaml (merge (dict "datadog" $datadog "agents" $ofAgents "clusterAgent" (set $knownAgent "admissionController" $knownController)) $top) -}}
{{- end -}}

{{- /* The content of the ConfigMap: the configuration, and the CA that is given. */ -}}
{{- define "datadog-sidecar-injector.configData" -}}
values.yaml: |
  {{- include "datadog-sidecar-injector.config" . | nindent 2 }}
{{- with include "datadog-sidecar-injector.givenCa" . }}
ca.crt: |
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The CA of the certificates that somebody else makes; empty where it is not given here. */ -}}
{{- define "datadog-sidecar-injector.givenCa" -}}
{{- $certificates := (include "datadog-sidecar-injector.values" . | fromJson).injector.certificates -}}
{{- if eq $certificates.mode "files" -}}{{- $certificates.files.caBundle | trim -}}{{- end -}}
{{- end -}}

{{- /* The name of the ConfigMap, which says what is in it. */ -}}
{{- define "datadog-sidecar-injector.configMap" -}}
{{- include "datadog-sidecar-injector.name" . }}-{{ include "datadog-sidecar-injector.configData" . | sha256sum | trunc 10 }}
{{- end -}}

{{- /* Of the filled-in values: the names of the Secrets that sidecars refer to, as JSON; those of variables are perhaps not all in use. */ -}}
{{- define "datadog-sidecar-injector.secrets" -}}
{{- $injection := .clusterAgent.admissionController.agentSidecarInjection -}}
{{- $keys := dict "DD_API_KEY" "apiKeySecret" -}}
{{- if include "datadog-sidecar-injector.clusterAgentService" . -}}
{{-   $_ := set $keys "DD_CLUSTER_AGENT_AUTH_TOKEN" "clusterAgentTokenSecret" -}}
{{- end -}}
{{- $names := list -}}
{{- range $variable, $key := $keys -}}
{{-   $lowest := (get $injection $key).name -}}
{{-   $env := $.datadog.env -}}
{{-   range $profile := $injection.profiles -}}
{{-     $name := (get $profile $key | default dict).name -}}
{{-     if and $name (eq ($profile.name | default "default") "default") -}}
{{-       $lowest = $name -}}
{{-     else if $name -}}
{{-       $names = append $names $name -}}
{{-     end -}}
{{-     $env = concat $env ($profile.env | default list) -}}
{{-   end -}}
{{-   $names = append $names $lowest -}}
{{-   range $env -}}
{{-     $reference := (.valueFrom | default dict).secretKeyRef | default dict -}}
{{-     if and (eq .name $variable) $reference.name -}}
{{-       $names = append $names $reference.name -}}
{{-     end -}}
{{-   end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toRawJson -}}
{{- end -}}

{{- /* Of the filled-in values: the name of the Cluster Agent's Service; empty where sidecars are not to talk to it. */ -}}
{{- define "datadog-sidecar-injector.clusterAgentService" -}}
{{- $joins := and .existingClusterAgent.join .existingClusterAgent.serviceName -}}
{{- if and (or .clusterAgent.enabled $joins) .clusterAgent.admissionController.agentSidecarInjection.clusterAgentCommunicationEnabled -}}
{{-   $release := ternary "datadog" (printf "datadog-%s" .nameOverride) (contains .nameOverride "datadog") -}}
{{-   $fullname := .fullnameOverride | default $release | trunc 63 | trimSuffix "-" -}}
{{-   .clusterAgent.serviceName | default (ternary .existingClusterAgent.serviceName "" .existingClusterAgent.join) | default (printf "%s-cluster-agent" $fullname) -}}
{{- end -}}
{{- end -}}

{{- /* Whether a ConfigMap holds the configuration. */ -}}
{{- define "datadog-sidecar-injector.fits" -}}
{{- $length := include "datadog-sidecar-injector.config" . | len -}}
{{- if gt $length 1048576 -}}
{{-   fail (printf "clusterAgent.admissionController.agentSidecarInjection: the configuration has %d bytes, and a ConfigMap holds 1048576: let one selector stand for several, by operator In with a list of values" $length) -}}
{{- end -}}
{{- end -}}
