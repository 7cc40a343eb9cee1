{{- define "godwit.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Below the volume, so that the server can close it to its group, which the volume belongs to. */}}
{{- define "godwit.data" -}}
/var/lib/godwit/data
{{- end }}

{{- define "godwit.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "godwit.environment" -}}
- {name: GODWIT_LISTEN, value: "0.0.0.0:8815"}
- {name: GODWIT_HTTP_LISTEN, value: "0.0.0.0:9815"}
- {name: GODWIT_DATA_DIR, value: {{ include "godwit.data" . }}}
- {name: GODWIT_TLS_MODE, value: files}
- {name: GODWIT_TLS_CERT_FILE, value: /etc/godwit/tls/tls.crt}
- {name: GODWIT_TLS_KEY_FILE, value: /etc/godwit/tls/tls.key}
- {name: GODWIT_ADMIN_USER, value: {{ .Values.admin.user | quote }}}
- {name: GODWIT_ADMIN_PASSWORD_FILE, value: {{ printf "/etc/godwit/admin/%s" .Values.admin.key | quote }}}
- {name: GODWIT_SHUTDOWN_GRACE, value: {{ .Values.shutdownGrace | quote }}}
- {name: GODWIT_LOG_FORMAT, value: json}
- name: GODWIT_LAKE_CATALOG
  valueFrom:
    secretKeyRef:
      name: {{ required "catalog.existingSecret: the secret with the URL of PostgreSQL" .Values.catalog.existingSecret }}
      key: {{ .Values.catalog.key }}
- {name: GODWIT_LAKE_DATA, value: {{ required "s3.data: where the files are, s3://BUCKET/PREFIX" .Values.s3.data | quote }}}
- {name: GODWIT_LAKE_S3_REGION, value: {{ .Values.s3.region | quote }}}
{{- with .Values.s3.endpoint }}
- {name: GODWIT_LAKE_S3_ENDPOINT, value: {{ . | quote }}}
{{- end }}
- {name: GODWIT_LAKE_S3_ALLOW_HTTP, value: {{ .Values.s3.allowHttp | quote }}}
{{- with .Values.s3.existingSecret }}
- name: GODWIT_LAKE_S3_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $.Values.s3.accessKeyIdKey }}}
- name: GODWIT_LAKE_S3_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $.Values.s3.secretAccessKeyKey }}}
{{- end }}
{{- range $key, $value := .Values.settings }}
- {name: {{ include "godwit.variable" $key }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
