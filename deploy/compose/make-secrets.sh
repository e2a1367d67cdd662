#!/usr/bin/env bash
# Makes what three-brokers.yml needs and what no repository should hold: an authority, an identity for each broker and
# for the administrator, a password for each user. Needs openssl. Runs once; what is there already is left alone.
#   deploy/compose/make-secrets.sh [FOLDER]     (deploy/compose/secrets)
set -euo pipefail

folder=${1:-$(dirname "$0")/secrets}
days=365
if [[ -e $folder ]]; then
    echo "$folder is there already; to make everything anew, remove it first" >&2
    exit 1
fi
# Others do not get into the folder. What is in it they could read, as the users inside the containers must.
mkdir -m 700 "$folder"
umask 022

quietly() { # shows what a command says only when it fails
    local said
    said=$("$@" 2>&1) || { echo "$said" >&2; exit 1; }
}

curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
quietly openssl req -x509 "${curve[@]}" -days $days -subj "/CN=CityPulse local authority" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout "$folder/ca.key" -out "$folder/ca.pem"
chmod 600 "$folder/ca.key"

# identity NAME EXTENSION: a key and a certificate for CN=NAME in one file, as Kafka reads it, and how to connect with it.
identity() {
    local home=$folder/$1
    mkdir "$home"
    quietly openssl req "${curve[@]}" -subj "/CN=$1" -addext "$2" -keyout "$home/key.pem" -out "$home/request.pem"
    quietly openssl x509 -req -in "$home/request.pem" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -days $days \
        -copy_extensions copy -out "$home/certificate.pem"
    cat "$home/key.pem" "$home/certificate.pem" >"$home/identity.pem"
    rm "$home/key.pem" "$home/request.pem" "$home/certificate.pem"
    chmod 644 "$home/identity.pem"
    cp "$folder/ca.pem" "$home/ca.pem"
    cat >"$home/client.properties" <<EOF
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=/etc/kafka/secrets/identity.pem
ssl.truststore.type=PEM
ssl.truststore.location=/etc/kafka/secrets/ca.pem
EOF
}

for broker in kafka-1 kafka-2 kafka-3; do
    identity $broker "subjectAltName=DNS:$broker,DNS:localhost,IP:127.0.0.1"
done
identity admin "extendedKeyUsage=clientAuth"

for user in citypulse-operator citypulse-worker publisher; do
    openssl rand -hex 24 >"$folder/$user.password"
    cp "$folder/$user.password" "$folder/admin/"
done
echo "made $folder, good for $days days"
