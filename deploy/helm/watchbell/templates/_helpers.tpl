{{- define "watchbell.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) }}
{{- .Values.fullnameOverride | default $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The workloads of the mode, each named as its section of the values is. */}}
{{- define "watchbell.components" -}}
{{ ternary "single" "config router dispatcher digest edge" (eq .Values.mode "single") }}
{{- end }}

{{- define "watchbell.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The templates below take a dict of `root` and `component`. */}}

{{- define "watchbell.name" -}}
{{ include "watchbell.fullname" .root }}{{ if ne .component "single" }}-{{ .component }}{{ end }}
{{- end }}

{{/* Whose gRPC or HTTP a caller wants, by service; in single mode that is one for all. */}}
{{- define "watchbell.serving" -}}
{{ include "watchbell.name" (dict "root" .root "component" (ternary "single" .component (eq .root.Values.mode "single"))) }}
{{- end }}

{{- define "watchbell.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "watchbell.labels" -}}
{{ include "watchbell.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/*
Settings as environment variables: `brand: {name: Acme}` becomes WATCHBELL__BRAND__NAME. All are texts, to which the
process gives their types; whole numbers are written out, since %v writes a large float64 as 1e+06.
*/}}
{{- define "watchbell.variables" -}}
{{- $prefix := .prefix }}
{{- range $key, $value := .settings }}
{{- $name := printf "%s__%s" $prefix (upper $key) }}
{{- if kindIs "map" $value }}
{{- include "watchbell.variables" (dict "prefix" $name "settings" $value) }}
{{- else if kindIs "slice" $value }}
{{ $name }}: {{ join "," $value | quote }}
{{- else if and (kindIs "float64" $value) (eq $value (floor $value)) }}
{{ $name }}: {{ int64 $value | quote }}
{{- else if not (kindIs "invalid" $value) }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* All settings: the operator's, and those that the chart knows by itself. */}}
{{- define "watchbell.settings" -}}
{{- $name := include "watchbell.fullname" . }}
{{- $own := dict "server" (dict "shutdown_grace" (printf "%ds" (int .Values.shutdownGraceSeconds))) }}
{{- if eq .Values.mode "split" }}
{{- /* Any Dispatcher says where the others are. */}}
{{- $_ := set $own "peers" (dict
      "config" (printf "http://%s-config:7700" $name)
      "dispatcher" (printf "http://%s-dispatcher:7700" $name)) }}
{{- end }}
{{- with .Values.ingress.pages }}
{{- if .enabled }}{{ $_ := set $own "brand" (dict "public_url" (printf "https://%s" .host)) }}{{ end }}
{{- end }}
{{- include "watchbell.variables" (dict "prefix" "WATCHBELL" "settings" (merge (deepCopy .Values.settings) $own)) | trim }}
{{- end }}

{{/* Variables out of a Secret: those that the component needs, and no others. */}}
{{- define "watchbell.secretVariables" -}}
{{- $values := .root.Values }}
{{- $single := eq $values.mode "single" }}
{{- $made := include "watchbell.fullname" .root }}
{{- $keys := $values.secrets.existing | default $made }}
{{- $config := has .component (list "single" "config") }}
{{- $dispatcher := has .component (list "single" "dispatcher") }}
{{- $wanted := list (list "KEYS__UNSUBSCRIBE" $keys "unsubscribe-key") }}
{{- if $config }}
{{- $wanted = concat $wanted (list
      (list "KEYS__SEALING" $keys "sealing-key")
      (list "KEYS__ADMIN" $keys "admin-key")
      (list "CONFIG__SEALING__OLDER_KEYS" $keys "older-sealing-keys")) }}
{{- end }}
{{- if or $config $dispatcher }}
{{- $wanted = append $wanted (list "CONFIG__UNSUBSCRIBE_KEYS" $keys "older-unsubscribe-keys") }}
{{- end }}
{{- if and $config (dig "config" "slack" "" $values.settings) }}
{{- $wanted = append $wanted (list "CONFIG__SLACK__CLIENT_SECRET" $keys "slack-client-secret") }}
{{- end }}
{{- if and $dispatcher (dig "mail" "username" "" $values.settings) }}
{{- $wanted = append $wanted (list "MAIL__PASSWORD" $keys "mail-password") }}
{{- end }}
{{- if not $single }}
{{- $wanted = append $wanted (list "AUTH__SERVICE_TOKEN" $keys "service-token") }}
{{- end }}
{{- if has .component (list "config" "dispatcher" "digest") }}
{{- $key := ternary $values.database.secret.key "database-url" (ne $values.database.secret.name "") }}
{{- $wanted = append $wanted (list "DATABASE__URL" ($values.database.secret.name | default $made) $key) }}
{{- end }}
{{- /* Single makes the keys that it is not given; an admin key is made in either mode, and older keys are rare. */}}
{{- $optional := list "KEYS__ADMIN" "CONFIG__SEALING__OLDER_KEYS" "CONFIG__UNSUBSCRIBE_KEYS" }}
{{- if $single }}
{{- $optional = concat $optional (list "KEYS__SEALING" "KEYS__UNSUBSCRIBE") }}
{{- end }}
{{- range $wanted }}
{{- $variable := first . }}
- name: WATCHBELL__{{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ last . }}
      {{- if has $variable $optional }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
