{{- /* A mapping of labels or the like as JSON, each value a string: people also write numbers, true and false, and Helm reads a number of
many digits as one with an exponent. What is null is left out. */ -}}
{{- define "datadog-sidecar-injector.strings" -}}
{{- $strings := dict -}}
{{- range $key, $value := kindIs "map" . | ternary . dict -}}
{{-   if not (kindIs "invalid" $value) -}}
{{-     $_ := set $strings $key (include "datadog-sidecar-injector.string" $value) -}}
{{-   end -}}
{{- end -}}
{{- toRawJson $strings -}}
{{- end -}}

{{- define "datadog-sidecar-injector.string" -}}
{{- kindIs "string" . | ternary . (toRawJson .) -}}
{{- end -}}

{{- define "datadog-sidecar-injector.selectorLabels" -}}
app.kubernetes.io/name: {{ include "datadog-sidecar-injector.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- /* The labels of an object: those of the chart, and what is given for all objects. */ -}}
{{- define "datadog-sidecar-injector.labels" -}}
{{- $own := include "datadog-sidecar-injector.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_")) -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $injector := include "datadog-sidecar-injector.strings" (.Values.injector | default dict).labels | fromJson -}}
{{- $common := include "datadog-sidecar-injector.strings" .Values.commonLabels | fromJson -}}
{{- merge $own $injector $common | toYaml -}}
{{- end -}}

{{- /* The labels of a pod, of a list: the root, and the labels that always stay. */ -}}
{{- define "datadog-sidecar-injector.podLabels" -}}
{{- $root := first . -}}
{{- $own := set (last .) "admission.datadoghq.com/enabled" "false" -}}
{{- $given := include "datadog-sidecar-injector.strings" ($root.Values.injector | default dict).podLabels | fromJson -}}
{{- merge $own $given (include "datadog-sidecar-injector.labels" $root | fromYaml) | toYaml -}}
{{- end -}}

{{- /* The annotations of an object with their key, of a list: the root, and those that always stay. Empty where there are none. */ -}}
{{- define "datadog-sidecar-injector.annotations" -}}
{{- $given := include "datadog-sidecar-injector.strings" ((first .).Values.injector | default dict).annotations | fromJson -}}
{{- with merge (rest . | first | default dict) $given -}}
annotations:
{{ toYaml . | indent 2 }}
{{- end -}}
{{- end -}}

{{- /* Those given, for an object of a hook, whose own stay: empty where there are none. */ -}}
{{- define "datadog-sidecar-injector.hookAnnotations" -}}
{{- $given := include "datadog-sidecar-injector.strings" (.Values.injector | default dict).annotations | fromJson -}}
{{- with omit $given "helm.sh/hook" "helm.sh/hook-weight" "helm.sh/hook-delete-policy" "helm.sh/hook-output-log-policy" -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}
