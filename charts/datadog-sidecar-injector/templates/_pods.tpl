{{- /* The injector's image, of the filled-in values under `values`. */ -}}
{{- define "datadog-sidecar-injector.image" -}}
{{- $image := .values.injector.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ include "datadog-sidecar-injector.string" $image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "datadog-sidecar-injector.pullSecrets" -}}
{{- with .injector.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ include "datadog-sidecar-injector.string" .name | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* Requests and limits. What is given stands alone, as nobody could take a limit off otherwise. A null takes one out of the default. A
default gives way where the other of the two names the resource, so that no request exceeds a limit. */ -}}
{{- define "datadog-sidecar-injector.resources" -}}
{{- $given := (.Values.injector | default dict).resources | default dict -}}
{{- $resources := dict -}}
{{- range $kind, $opposite := dict "requests" "limits" "limits" "requests" -}}
{{-   $own := get $given $kind -}}
{{-   $amounts := include "datadog-sidecar-injector.strings" $own | fromJson -}}
{{-   $named := include "datadog-sidecar-injector.strings" (get $given $opposite) | fromJson -}}
{{-   if or (not (kindIs "map" $own)) (ne (len $own) (len $amounts)) -}}
{{-     range $name, $amount := dict "cpu" "200m" "memory" "256Mi" -}}
{{-       if not (or (hasKey ($own | default dict) $name) (hasKey $named $name)) -}}{{- $_ := set $amounts $name $amount -}}{{- end -}}
{{-     end -}}
{{-   end -}}
{{-   $_ := set $resources $kind $amounts -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{- /* What Pod Security's `restricted` asks of a pod, and a user that is nobody; over it what is given. */ -}}
{{- define "datadog-sidecar-injector.podSecurityContext" -}}
{{- $default := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- include "datadog-sidecar-injector.over" (list $default (.Values.injector | default dict).podSecurityContext) -}}
{{- end -}}

{{- define "datadog-sidecar-injector.securityContext" -}}
{{- $default := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- include "datadog-sidecar-injector.over" (list $default (.Values.injector | default dict).securityContext) -}}
{{- end -}}

{{- /* Of a list: a mapping, and another one whose keys lie over its own. Null takes a key out. */ -}}
{{- define "datadog-sidecar-injector.over" -}}
{{- $mapping := first . -}}
{{- range $key, $value := last . -}}
{{-   if kindIs "invalid" $value -}}{{- $mapping = omit $mapping $key -}}{{- else -}}{{- $_ := set $mapping $key $value -}}{{- end -}}
{{- end -}}
{{- toYaml $mapping -}}
{{- end -}}

{{- /* A list of tolerations; a value may have been written as a number, or as true. */ -}}
{{- define "datadog-sidecar-injector.tolerations" -}}
{{- $tolerations := list -}}
{{- range . -}}
{{-   $toleration := omit . "value" -}}
{{-   if not (kindIs "invalid" .value) -}}{{- $_ := set $toleration "value" (include "datadog-sidecar-injector.string" .value) -}}{{- end -}}
{{-   $tolerations = append $tolerations $toleration -}}
{{- end -}}
{{- toYaml $tolerations -}}
{{- end -}}

{{- /* The check of the node's agent on the injector's metrics: three times become ages. */ -}}
{{- define "datadog-sidecar-injector.checks" -}}
{
  "openmetrics": {
    "init_config": {},
    "instances": [
      {
        "openmetrics_endpoint": "http://%%host%%:8080/metrics",
        "namespace": "datadog_sidecar_injector",
        "raw_metric_prefix": "datadog_sidecar_injector_",
        "metrics": [
          ".*",
          {
            "last_review_timestamp_seconds": {"name": "last_review_age_seconds", "type": "time_elapsed"},
            "certificate_expiry_timestamp_seconds": {"name": "certificate_seconds_since_expiry", "type": "time_elapsed"},
            "ca_expiry_timestamp_seconds": {"name": "ca_seconds_since_expiry", "type": "time_elapsed"}
          }
        ]
      }
    ]
  }
}
{{- end -}}
