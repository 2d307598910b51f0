{{- /* Made from the types in src/config/file.rs: make generate */ -}}
{{- define "datadog-sidecar-injector.defaults" -}}
{
  "registry": "",
  "fullnameOverride": "",
  "nameOverride": "",
  "useFIPSAgent": false,
  "commonLabels": {},
  "datadog": {
    "apiKeyExistingSecret": "datadog-secret",
    "appKeyExistingSecret": "",
    "apiKey": "",
    "site": "datadoghq.com",
    "clusterName": "",
    "tags": [],
    "env": [],
    "logs": {},
    "processAgent": {},
    "otlp": {
      "receiver": {
        "protocols": {
          "grpc": {},
          "http": {}
        }
      },
      "logs": {}
    },
    "dogstatsd": {
      "tags": []
    },
    "apm": {}
  },
  "agents": {
    "image": {
      "repository": "",
      "name": "",
      "tag": "",
      "tagSuffix": "",
      "digest": "",
      "pullSecrets": []
    }
  },
  "clusterAgent": {
    "enabled": true,
    "tokenExistingSecret": "datadog-secret",
    "serviceName": "",
    "serviceNamespace": "",
    "servicePort": 5005,
    "admissionController": {
      "failurePolicy": "Ignore",
      "timeoutSeconds": 3,
      "port": 8443,
      "containerRegistry": "",
      "agentSidecarInjection": {
        "enabled": true,
        "provider": "fargate",
        "clusterAgentCommunicationEnabled": true,
        "clusterAgentTlsVerification": {
          "enabled": false,
          "copyCaConfigMap": false
        },
        "kubeletApiLogging": {
          "enabled": false,
          "containerCollectAll": false
        },
        "containerRegistry": "",
        "imageName": "",
        "imageTag": "",
        "imageDigest": "",
        "imagePullSecrets": [],
        "apiKeySecret": {
          "name": "datadog-secret",
          "key": "api-key"
        },
        "clusterAgentTokenSecret": {
          "name": "datadog-secret",
          "key": "token"
        },
        "onMissingSecret": "skip",
        "selectors": [
          {
            "objectSelector": {
              "matchLabels": {
                "agent.datadoghq.com/sidecar": "fargate"
              }
            }
          }
        ],
        "profiles": [],
        "podOverrides": [
          "profile",
          "resources",
          "mode",
          "entrypoints"
        ],
        "excludedNamespaces": [
          "kube-system",
          "kube-public",
          "kube-node-lease"
        ]
      }
    }
  },
  "existingClusterAgent": {
    "join": false,
    "serviceName": "",
    "tokenSecretName": ""
  },
  "injector": {
    "replicas": 2,
    "autoscaling": {
      "enabled": false,
      "create": true,
      "minReplicas": 2,
      "maxReplicas": 10,
      "targetCPUUtilizationPercentage": 80
    },
    "image": {
      "registry": "",
      "repository": "datadog-sidecar-injector",
      "tag": "",
      "digest": "",
      "pullPolicy": "IfNotPresent",
      "pullSecrets": []
    },
    "resources": {},
    "certificates": {
      "mode": "selfManaged",
      "certManager": {
        "issuerRef": {
          "name": "",
          "kind": "Issuer",
          "group": "cert-manager.io"
        }
      },
      "files": {
        "secretName": "",
        "caBundle": ""
      }
    },
    "logLevel": "info",
    "drainDelay": "10s",
    "probe": {
      "enabled": true,
      "timeoutSeconds": 180
    },
    "podDisruptionBudget": {
      "enabled": true,
      "maxUnavailable": 1
    },
    "networkPolicy": {
      "enabled": false,
      "apiServerPorts": [
        443,
        6443
      ]
    },
    "rbac": {
      "readSecrets": true,
      "namespaces": [],
      "kubelet": {}
    },
    "webhookConfiguration": {
      "owned": true
    },
    "serviceAccount": {
      "annotations": {}
    },
    "priorityClassName": "",
    "nodeSelector": {},
    "tolerations": [],
    "affinity": {},
    "podSecurityContext": {},
    "securityContext": {},
    "hostNetwork": false,
    "annotations": {},
    "labels": {},
    "podAnnotations": {},
    "podLabels": {}
  }
}
{{- end -}}
