#!/bin/sh
# Writes .env beside compose.yaml with keys of your own, once. Back it up: links in sent mails are signed with them, and
# without the sealing key no stored secret can be opened.
set -eu
cd "$(dirname "$0")"
if [ -e .env ]; then echo "deploy/compose/.env is already there" >&2; exit 0; fi
umask 077
cat >.env <<EOF
WATCHBELL_SERVICE_TOKEN=$(openssl rand -hex 32)
WATCHBELL_SEALING_KEY=$(openssl rand -base64 32)
WATCHBELL_UNSUBSCRIBE_KEY=$(openssl rand -base64 32)
WATCHBELL_ADMIN_KEY=wbk_$(openssl rand -hex 32)
POSTGRES_PASSWORD=$(openssl rand -hex 16)
GRAFANA_PASSWORD=$(openssl rand -hex 16)
EOF
echo "wrote deploy/compose/.env"
