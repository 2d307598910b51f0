{{- /* Of selectors: a CEL expression that is true of every pod whose labels any of them could match. It never fails, as a failure would
pass the pod by in silence. Empty where all pods could match, and where an API server would not take it, which is at 100,000 characters,
or would read it for long: that grows with the square of the terms, of which 200 take half a second and 1,600 half a minute. */ -}}
{{- define "datadog-sidecar-injector.candidates" -}}
{{- $wanted := dict -}}
{{- $terms := list -}}
{{- $all := false -}}
{{- range . -}}
{{-   $selector := .objectSelector | default dict -}}
{{-   $labels := $selector.matchLabels | default dict -}}
{{-   $requirements := $selector.matchExpressions | default list -}}
{{-   $key := "" -}}
{{-   $values := list -}}
{{-   if and (eq (len $labels) 1) (not $requirements) -}}
{{-     $key = keys $labels | first -}}
{{-     $values = values $labels -}}
{{-   else if and (not $labels) (eq (len $requirements) 1) (eq (first $requirements).operator "In") -}}
{{-     $key = (first $requirements).key -}}
{{-     $values = (first $requirements).values | default list -}}
{{-   end -}}
{{-   if $key -}}
{{-     if not (hasKey $wanted $key) -}}{{- $_ := set $wanted $key dict -}}{{- end -}}
{{-     range $values -}}{{- $_ := set (get $wanted $key) . true -}}{{- end -}}
{{-   else if or $labels $requirements -}}
{{-     $terms = append $terms (include "datadog-sidecar-injector.term" $selector) -}}
{{-   else -}}
{{-     $all = true -}}
{{-   end -}}
{{- end -}}
{{- range $key, $values := $wanted -}}
{{-   $terms = append $terms (printf "%s in l && l[%s] in %s" (toRawJson $key) (toRawJson $key) (keys $values | sortAlpha | toRawJson)) -}}
{{- end -}}
{{- $terms = uniq $terms -}}
{{- $expression := printf "[has(object.metadata.labels) ? object.metadata.labels : {}].exists(l, %s)" (join " || " $terms) -}}
{{- if not (or $all (gt (len $terms) 200) (gt (len $expression) 90000)) -}}{{- $expression -}}{{- end -}}
{{- end -}}

{{- /* One selector over the labels `l`. */ -}}
{{- define "datadog-sidecar-injector.term" -}}
{{- $terms := list -}}
{{- range $key, $value := .matchLabels -}}
{{-   $terms = append $terms (printf "%s in l && l[%s] == %s" (toRawJson $key) (toRawJson $key) (toRawJson $value)) -}}
{{- end -}}
{{- range .matchExpressions -}}
{{-   $there := printf "%s in l" (toRawJson .key) -}}
{{-   $one := printf "%s && l[%s] in %s" $there (toRawJson .key) (toRawJson (.values | default list)) -}}
{{-   if eq .operator "In" -}}{{- $terms = append $terms $one -}}
{{-   else if eq .operator "NotIn" -}}{{- $terms = append $terms (printf "!(%s)" $one) -}}
{{-   else if eq .operator "Exists" -}}{{- $terms = append $terms $there -}}
{{-   else -}}{{- $terms = append $terms (printf "!(%s)" $there) -}}
{{-   end -}}
{{- end -}}
{{- join " && " $terms -}}
{{- end -}}
