{{/*
The one pod template, so that hardening cannot drift between Deployments, Jobs and tests. Takes
  root, component, settings   of whom
  containers                  list of { name, args } over the one image
  secrets                     as chappe.secrets gives them, as a list
  env                         more variables, as YAML
  server                      whether it listens: ports, probes, configuration file, an orderly end
  account                     service account; none for what runs before the chart's own exist
*/}}
{{- define "chappe.pod" -}}
metadata:
  labels:
    {{- include "chappe.labels" . | nindent 4 }}
    {{- with .root.Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := deepCopy .root.Values.podAnnotations }}
  {{- if .server }}
  {{- $_ := set $annotations "checksum/config" (include "chappe.config" .root | sha256sum) }}
  {{- end }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .account }}
  serviceAccountName: {{ . }}
  {{- end }}
  automountServiceAccountToken: false
  # Kubernetes would describe every Service of the namespace in variables.
  enableServiceLinks: false
  {{- if not .root.Values.hostUsers }}
  hostUsers: false
  {{- end }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if .server }}
  # 8 s until names no longer lead here, 2 s in which the process still accepts, 25 s for open calls, and some to spare.
  terminationGracePeriodSeconds: 45
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      # Pods of the version being replaced do not count.
      matchLabelKeys: [pod-template-hash]
      labelSelector:
        matchLabels: {{- include "chappe.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- else }}
  restartPolicy: Never
  {{- end }}
  {{- with .settings.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .settings.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .settings.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .settings.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
    {{- range .containers }}
    - name: {{ .name }}
      image: {{ include "chappe.image" $.root }}
      imagePullPolicy: {{ $.root.Values.image.pullPolicy }}
      args: {{- toYaml .args | nindent 8 }}
      {{- if or $.server $.secrets $.env }}
      env:
        {{- if $.server }}
        # Not a flag, so that a command run in the pod by hand finds it too.
        - { name: CHAPPE_CONFIG, value: /etc/chappe/chappe.yaml }
        {{- end }}
        {{- range $.secrets }}
        - { name: {{ .variable }}, value: /run/secrets/chappe/{{ .file }} }
        {{- end }}
        {{- with $.env }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- if $.server }}
      ports:
        {{- if eq $.component "gateway" }}
        - { name: rest, containerPort: 8080 }
        {{- else }}
        - { name: grpc, containerPort: 50051 }
        {{- end }}
        - { name: admin, containerPort: 9090 }
      startupProbe:
        httpGet: { path: /startupz, port: admin }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 10
        timeoutSeconds: 3
      # The process itself asks the database every second and turns with hysteresis.
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 1
      lifecycle:
        preStop:
          sleep: { seconds: 8 }
      {{- end }}
      resources: {{- toYaml $.settings.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - { name: scratch, mountPath: /tmp }
        {{- if $.server }}
        - { name: config, mountPath: /etc/chappe, readOnly: true }
        {{- end }}
        {{- if $.secrets }}
        - { name: secrets, mountPath: /run/secrets/chappe, readOnly: true }
        {{- end }}
    {{- end }}
  volumes:
    - name: scratch
      emptyDir:
        sizeLimit: 256Mi
    {{- if .server }}
    - name: config
      configMap:
        name: {{ include "chappe.fullname" .root }}-config
    {{- end }}
    {{- if .secrets }}
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          {{- range .secrets }}
          - secret:
              name: {{ .name }}
              items: [{ key: {{ .key }}, path: {{ .file }} }]
          {{- end }}
    {{- end }}
{{- end }}
