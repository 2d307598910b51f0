#!/usr/bin/env bash
# Packs a static binary as an image, without any container engine: an OCI archive such as the Dockerfile's would be, that
# `ctr images import`, `podman load` and `skopeo copy oci-archive:` take. The same input gives the same bytes.
#
#   image/archive.sh BINARY ARCHIVE NAME [LABEL=VALUE]...
#
#   image/archive.sh "$(image/binary.sh)" injector.tar datadog-sidecar-injector:0.1.0
#
# Where BINARY is a directory, as in the tests, its content is what the image holds, `/entrypoint` is what runs, and as root.
set -euo pipefail

[ $# -ge 3 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
binary=$(realpath "$1") archive=$(realpath -m "$2") name=$3
shift 3
entry=$(basename "$binary") user=65532:65532
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p layer blobs/sha256

pack() { # pack <tar> <directory> <name>...
    local tar=$1 from=$2
    shift 2
    tar --create --file "$tar" --directory "$from" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$@"
}

digest() { sha256sum "$1" | cut -d' ' -f1; }

blob() { # blob <file>: takes it in, and prints what refers to it
    local sum
    sum=$(digest "$1")
    mv "$1" "blobs/sha256/$sum"
    printf '"digest":"sha256:%s","size":%d' "$sum" "$(stat -c %s "blobs/sha256/$sum")"
}

labels=
for label; do labels+="${labels:+,}\"${label%%=*}\":\"${label#*=}\""; done

if [ -d "$binary" ]; then
    entry=entrypoint user=0:0
    pack layer.tar "$binary" .
else
    install -m 0755 "$binary" "layer/$entry"
    pack layer.tar layer "$entry"
fi
diff=$(digest layer.tar)
layer=$(blob layer.tar)
cat >config <<END
{"architecture":"amd64","os":"linux","created":"1970-01-01T00:00:00Z","config":{"User":"$user","Entrypoint":["/$entry"],"Labels":{$labels}},"rootfs":{"type":"layers","diff_ids":["sha256:$diff"]}}
END
config=$(blob config)
cat >manifest <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",$config},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",$layer}]}
END
manifest=$(blob manifest)
cat >index.json <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",$manifest,"platform":{"os":"linux","architecture":"amd64"},"annotations":{"io.containerd.image.name":"$name","org.opencontainers.image.ref.name":"${name##*:}"}}]}
END
printf '{"imageLayoutVersion":"1.0.0"}' >oci-layout
pack "$archive" . oci-layout index.json blobs
echo "$archive: $name" >&2
