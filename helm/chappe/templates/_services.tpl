{{/*
The services and what each of them reaches outside the mesh. Who calls whom stands in files/edges.yaml.
`load` is what arrives for a worker per second, for its scaler.
*/}}
{{- define "chappe.services" -}}
automation:
  stores: [database, redis]
  load: { metric: chappe_profile_store_feed_rows_total, of: profile-store, perReplica: "2000" }
email-sender:
  stores: [database, redis, smtp]
  load: { metric: chappe_email_sender_enqueued_total, of: email-sender, perReplica: "500" }
gateway:
  stores: [redis]
identity:
  stores: [database, redis]
ingestion:
  stores: [redis]
privacy:
  stores: [database, redis]
profile-store:
  stores: [database, redis]
{{- end }}

{{/* The settings of a service: its own over the defaults, checked for what a schema cannot say. */}}
{{- define "chappe.settings" -}}
{{- $own := index .root.Values.services .component | default dict -}}
{{- $settings := mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) -}}
{{- $at := printf "services.%s" .component -}}
{{- $scaler := $settings.autoscaling -}}
{{- if hasKey $settings "keda" -}}
{{- fail (printf "%s.keda is not a setting: choose one scaler with %s.autoscaling.kind, none, hpa or keda" $at $at) -}}
{{- end -}}
{{- if ne $scaler.kind "none" -}}
{{- if gt (int $scaler.minReplicas) (int $scaler.maxReplicas) -}}
{{- fail (printf "%s.autoscaling.minReplicas is above maxReplicas" $at) -}}
{{- end -}}
{{- end -}}
{{- if eq $scaler.kind "hpa" -}}
{{- if lt (int $scaler.minReplicas) 2 -}}
{{- fail (printf "%s.autoscaling.minReplicas must be 2 or more: a single pod cannot be drained unnoticed" $at) -}}
{{- end -}}
{{- end -}}
{{- if dig "pdb" "enabled" false $own -}}
{{- if le (include "chappe.floor" $settings | int) 1 -}}
{{- fail (printf "%s.pdb.enabled needs 2 replicas or more: with one, a budget blocks every drain" $at) -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{/* How many replicas a service has at least. */}}
{{- define "chappe.floor" -}}
{{- if eq .autoscaling.kind "none" -}}{{ .replicas }}{{- else -}}{{ .autoscaling.minReplicas }}{{- end -}}
{{- end }}

{{/* Secrets as files: which (`names`), and the values that tell where they are (`sources`). */}}
{{- define "chappe.secrets" -}}
{{- $sources := .sources -}}
{{- $variables := dict
  "database" "CHAPPE__DATABASE__URL_FILE"
  "redis" "CHAPPE__COORDINATION__REDIS_URL_FILE"
  "smtp" "CHAPPE__EMAIL_SENDER__SMTP_URL_FILE"
  "masterKey" "CHAPPE__KEYS__MASTER_FILE" -}}
{{- range .names }}
- file: {{ kebabcase . }}
  variable: {{ index $variables . }}
  name: {{ (index $sources .).existingSecret }}
  key: {{ (index $sources .).key }}
{{- end }}
{{- end }}
