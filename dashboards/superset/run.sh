#!/usr/bin/env bash
# The dashboard from nothing: installs Superset, imports the dashboard and serves it on this machine.
#
#   dashboards/superset/run.sh [DATA_ROOT]
#
# DATA_ROOT is where an audit has published; data/ by default. Superset keeps its own database, its
# key and the password below DATA_ROOT/superset.
#
#   PORT=8088                     where it listens
#   WORKERS=2                     processes that answer
#   PYTHON=python3.11             a Python from 3.11 to 3.12 to install it with
#   WASTE_ASSETS_SUPERSET=DIR     its environment; .venv/superset by default
#   PREPARE_ONLY=1                set everything up and serve nothing
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
data="${1:-$root/data}"
venv="${WASTE_ASSETS_SUPERSET:-$root/.venv/superset}"
port="${PORT:-8088}"

fail() {
	echo "$1" >&2
	exit 2
}

[ -x "$root/.venv/bin/python" ] || fail "Not installed yet: run make audit in $root first."
[ -f "$data/bi/waste.duckdb" ] ||
	fail "Nothing is published in $data: run waste-assets audit --data-root $data first."
data="$(cd "$data" && pwd)"

if [ -z "${WASTE_ASSETS_SUPERSET:-}" ] && [ ! -e "$venv/.ready" ]; then
	fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
	for python in ${PYTHON:-python3.12 python3.11 python3 "$root/.venv/bin/python"}; do
		"$python" -c "$fits" 2>/dev/null && break
		python=
	done
	[ -n "$python" ] ||
		fail 'Superset needs Python 3.11 or 3.12: install one, and say where it is: PYTHON=/path/to/python3.12'
	echo "Installing Superset into $venv: once, some minutes." >&2
	"$python" -m venv "$venv"
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes --requirement "$here/requirements.lock"
	touch "$venv/.ready"
fi

export WASTE_ASSETS_SUPERSET_HOME="$data/superset"
export SUPERSET_CONFIG_PATH="$here/superset_config.py" SUPERSET_HOME="$WASTE_ASSETS_SUPERSET_HOME"
export FLASK_APP='superset.app:create_app()' SCARF_ANALYTICS=false
mkdir -p "$SUPERSET_HOME"
chmod 700 "$SUPERSET_HOME"
for secret in secret_key password; do
	[ -s "$SUPERSET_HOME/$secret" ] ||
		(umask 077 && "$venv/bin/python" -c 'import secrets; print(secrets.token_urlsafe(32))' >"$SUPERSET_HOME/$secret")
done

log="$SUPERSET_HOME/setup.log"
"$root/.venv/bin/python" "$here/bundle.py" "$data/bi/waste.duckdb" "$SUPERSET_HOME/waste.zip"
echo 'Setting up Superset: about a minute the first time.' >&2
"$venv/bin/python" "$here/load.py" "$SUPERSET_HOME/waste.zip" "$SUPERSET_HOME/password" >"$log" 2>&1 ||
	fail "Superset could not be set up: see $log."
[ -z "${PREPARE_ONLY:-}" ] || exit 0

echo "http://127.0.0.1:$port/superset/dashboard/waste/   user admin, password in $SUPERSET_HOME/password" >&2
# A process answers one request at a time: DuckDB shares an open file within a process, so that a
# process that always has a question under way would go on reading the publication before.
exec "$venv/bin/python" -m gunicorn --preload --worker-class sync --workers "${WORKERS:-2}" --timeout 120 \
	--bind "127.0.0.1:$port" --log-level warning "$FLASK_APP"
