#!/usr/bin/env bash
# Makes the users of the three brokers and gives each the rights that docs/security.md lists. Runs in Kafka's image as the
# job "users" of three-brokers.yml; may run again, and then sets passwords to what the files say now.
#   SERVER    a broker's listener for administrators
#   SECRETS   a folder with client.properties, the administrator's connection, and USER.password
set -euo pipefail
PATH=/opt/kafka/bin:$PATH

prefix=citypulse
sources=(--topic $prefix.transactions.v1 --topic $prefix.infrastructure.v1 --topic $prefix.indicators.v1)
letters=(--topic $prefix.dead-letters.v1)
alerts=(--topic $prefix.alerts.v1)
state=(--topic $prefix-state)

user() { # user NAME: can log in. The password goes by a pipe: arguments can be seen by every process
    kafka-configs.sh --bootstrap-server "$SERVER" --command-config "$SECRETS/client.properties" \
        --alter --entity-type users --entity-name "$1" \
        --add-config-file <(printf 'SCRAM-SHA-512=password=%s\n' "$(<"$SECRETS/$1.password")")
}

allow() { # allow NAME OPERATION... RESOURCE...
    kafka-acls.sh --bootstrap-server "$SERVER" --command-config "$SECRETS/client.properties" \
        --add --allow-principal "User:$1" "${@:2}"
}

user citypulse-operator
allow citypulse-operator --operation Create --operation Describe --operation DescribeConfigs \
    "${sources[@]}" "${letters[@]}" "${alerts[@]}" "${state[@]}"
allow citypulse-operator --operation Alter "${state[@]}"

user citypulse-worker
allow citypulse-worker --operation Read --group $prefix "${sources[@]}" "${state[@]}" "${letters[@]}"
allow citypulse-worker --operation Write "${state[@]}" "${letters[@]}"
allow citypulse-worker --operation Read --operation Write "${alerts[@]}"

user publisher
allow publisher --operation Write "${sources[@]}"
