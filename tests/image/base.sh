#!/bin/sh
# Makes a base like python:3.11-slim-bookworm of Debian's own packages, for where no registry can be reached:
#   sudo DOCKER=docker tests/image/base.sh NAME
set -eu

name=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
    bookworm "$folder" "${MIRROR:-http://deb.debian.org/debian}" > "$folder.log" 2>&1 || { tail "$folder.log"; exit 1; }
rm "$folder.log"
# Whoever signs this machine's TLS is to be believed by pip as well.
for certificate in /usr/local/share/ca-certificates/*.crt; do
    [ -e "$certificate" ] && cp "$certificate" "$folder/usr/local/share/ca-certificates/"
done
chroot "$folder" update-ca-certificates > /dev/null
rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* "$folder"/var/log/*
tar --create --one-file-system --directory "$folder" . | ${DOCKER:-docker} import --change 'CMD ["python3"]' - "$name"
