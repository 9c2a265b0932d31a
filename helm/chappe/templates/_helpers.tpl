{{/* The longest name made from it, the CronJob's, may have 52 characters: the controller appends 11. */}}
{{- define "chappe.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "chappe" .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-chappe" .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Of a component. Never changes between versions: a selector is immutable. */}}
{{- define "chappe.selectorLabels" -}}
app.kubernetes.io/name: chappe
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "chappe.labels" -}}
{{ include "chappe.selectorLabels" . }}
app.kubernetes.io/part-of: chappe
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "chappe.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Where a gRPC service is reached. The trailing dot spares the search list of the pod's resolver. */}}
{{- define "chappe.address" -}}
{{- $service := printf "%s-%s" (include "chappe.fullname" .root) .component -}}
{{- if eq .root.Values.peers.service "headless" -}}
{{- $service = printf "%s-headless" $service -}}
{{- end -}}
http://{{ $service }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.peers.clusterDomain }}.:50051
{{- end }}

{{/* The configuration file: one for all services, since each reads only its own section of it. */}}
{{- define "chappe.config" -}}
{{- $peers := dict -}}
{{- range $name, $service := include "chappe.services" . | fromYaml -}}
{{- if ne $name "gateway" -}}
{{- $_ := set $peers ($name | replace "-" "_") (include "chappe.address" (dict "root" $ "component" $name)) -}}
{{- end -}}
{{- end -}}
{{- $listen := dict "rest" "0.0.0.0:8080" "grpc" "0.0.0.0:50051" "admin" "0.0.0.0:9090" -}}
{{- $config := dict "listen" $listen "peers" $peers -}}
{{- with .Values.publicUrl -}}
{{- $_ := set $config "gateway" (dict "public_base_url" .) -}}
{{- $_ := set $config "email_sender" (dict "public_url" .) -}}
{{- end -}}
{{- with .Values.traces -}}
{{- if .endpoint -}}
{{- $_ := set $config "traces" (dict "endpoint" .endpoint "sample_ratio" .sampleRatio) -}}
{{- end -}}
{{- end -}}
{{- toYaml (mergeOverwrite $config (deepCopy .Values.config)) -}}
{{- end }}
