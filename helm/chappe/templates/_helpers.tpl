{{/* Names are cut where Kubernetes does. */}}
{{- define "chappe.fullname" -}}
{{- if contains "chappe" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-chappe" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Never changes between versions: a selector is immutable. */}}
{{- define "chappe.selectorLabels" -}}
app.kubernetes.io/name: chappe
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: mesh
{{- end }}

{{- define "chappe.labels" -}}
{{ include "chappe.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
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
