{{- /* What the schema can't tell. */ -}}
{{- define "datadog-sidecar-injector.validate" -}}
{{- $controller := .clusterAgent.admissionController -}}
{{- $port := int $controller.port -}}
{{- if eq $port 10250 -}}{{- fail "clusterAgent.admissionController.port: must not be 10250, which on Fargate is the kubelet's" -}}{{- end -}}
{{- if eq $port 8080 -}}{{- fail "clusterAgent.admissionController.port: must not be 8080, where the injector's probes and metrics are" -}}{{- end -}}
{{- $certificates := .injector.certificates -}}
{{- if and (eq $certificates.mode "files") (not $certificates.files.secretName) -}}{{- fail "injector.certificates.files.secretName: must name the Secret that holds tls.crt and tls.key, as mode is files" -}}{{- end -}}
{{- if and .injector.rbac.namespaces (not .injector.rbac.kubelet.access) -}}
{{-   fail "injector.rbac.kubelet.access: must be proxy, apiServer or none, as injector.rbac.namespaces lists namespaces; docs/security.md compares them" -}}
{{- end -}}
{{- include "datadog-sidecar-injector.validateModes" $certificates -}}
{{- include "datadog-sidecar-injector.validateReplicas" .injector -}}
{{- $injection := $controller.agentSidecarInjection -}}
{{- $tags := dict "injector.image.tag" .injector.image.tag "agents.image.tag" .agents.image.tag "agentSidecarInjection.imageTag" $injection.imageTag -}}
{{- range $index, $profile := $injection.profiles -}}
{{-   $_ := set $tags (printf "agentSidecarInjection.profiles[%d].image.tag" $index) ($profile.image | default dict).tag -}}
{{- end -}}
{{- range $key, $tag := $tags -}}
{{-   if and (kindIs "float64" $tag) (ne (toString (floor $tag)) (toString $tag)) -}}
{{-     fail (printf "%s: %v is a number, of which zeros at the end are lost: write the tag in quotes" $key $tag) -}}
{{-   end -}}
{{- end -}}
{{- range $index, $selector := $controller.agentSidecarInjection.selectors -}}
{{-   if not (or $selector.objectSelector $selector.namespaceSelector) -}}
{{-     fail (printf "clusterAgent.admissionController.agentSidecarInjection.selectors[%d]: needs an objectSelector or a namespaceSelector" $index) -}}
{{-   end -}}
{{-   range $kind := list "objectSelector" "namespaceSelector" -}}
{{-     range $position, $requirement := (get $selector $kind | default dict).matchExpressions -}}
{{-       $place := printf "clusterAgent.admissionController.agentSidecarInjection.selectors[%d].%s.matchExpressions[%d]" $index $kind $position -}}
{{-       if not (has .operator (list "In" "NotIn" "Exists" "DoesNotExist")) -}}
{{-         fail (printf "%s.operator: must be In, NotIn, Exists or DoesNotExist, not %q" $place .operator) -}}
{{-       else if ne (hasSuffix "In" .operator) (not (empty .values)) -}}
{{-         fail (printf "%s.values: In and NotIn need values, Exists and DoesNotExist have none" $place) -}}
{{-       end -}}
{{-     end -}}
{{-   end -}}
{{- end -}}
{{- end -}}

{{- /* Of the certificates: what is said for another mode. */ -}}
{{- define "datadog-sidecar-injector.validateModes" -}}
{{- $given := dict "certManager.issuerRef.name" "certManager" "files.secretName" "files" "files.caBundle" "files" -}}
{{- range $key, $mode := $given -}}
{{-   $parts := splitList "." $key -}}
{{-   $value := $.certManager.issuerRef.name -}}
{{-   if eq $mode "files" -}}{{- $value = get $.files (last $parts) -}}{{- end -}}
{{-   if and $value (ne $.mode $mode) -}}
{{-     fail (printf "injector.certificates.%s: is for mode %s, and injector.certificates.mode is %s: change the mode, or take the key out" $key $mode $.mode) -}}
{{-   end -}}
{{- end -}}
{{- end -}}

{{- /* Of what is under `injector`: numbers that contradict each other, and a network that is not to be had. */ -}}
{{- define "datadog-sidecar-injector.validateReplicas" -}}
{{- if .hostNetwork -}}
{{-   fail "injector.hostNetwork: is not to be had: where the control plane does not reach pods on nodes, run the replicas on Fargate, whose pods have addresses of the VPC; docs/operations.md says how" -}}
{{- end -}}
{{- $autoscaling := .autoscaling -}}
{{- if and $autoscaling.enabled (gt (int $autoscaling.minReplicas) (int $autoscaling.maxReplicas)) -}}
{{-   fail (printf "injector.autoscaling.minReplicas: must be at most maxReplicas, which is %d, not %d" (int $autoscaling.maxReplicas) (int $autoscaling.minReplicas)) -}}
{{- end -}}
{{- $fewest := include "datadog-sidecar-injector.fewest" (dict "injector" .) | int -}}
{{- if and .podDisruptionBudget.enabled (gt $fewest 1) (ge (int .podDisruptionBudget.maxUnavailable) $fewest) -}}
{{-   fail (printf "injector.podDisruptionBudget.maxUnavailable: must be less than the number of replicas, which is %d, as all may be evicted at once otherwise; with enabled: false there is no budget" $fewest) -}}
{{- end -}}
{{- end -}}

{{- /* Of the filled-in values: how many replicas there are at least. */ -}}
{{- define "datadog-sidecar-injector.fewest" -}}
{{- .injector.autoscaling.enabled | ternary .injector.autoscaling.minReplicas .injector.replicas | int -}}
{{- end -}}
