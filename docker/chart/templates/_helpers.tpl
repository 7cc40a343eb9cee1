{{- define "godwit.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "godwit.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "godwit.labels" -}}
{{ include "godwit.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The name of a secret of the chart, or of one that is there. */}}
{{- define "godwit.admin" -}}
{{- .Values.admin.existingSecret | default (printf "%s-admin" (include "godwit.name" .)) }}
{{- end }}
{{- define "godwit.keys" -}}
{{- .Values.keys.existingSecret | default (printf "%s-keys" (include "godwit.name" .)) }}
{{- end }}

{{/* The name of the variable of a key of the configuration. */}}
{{- define "godwit.variable" -}}
GODWIT_{{ . | replace "." "_" | upper }}
{{- end }}
