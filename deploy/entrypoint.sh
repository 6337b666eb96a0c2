#!/bin/sh
# Dagster's instance file, as the profile declares it, is written into the state folder once; then the command begins.
set -eu
ml-assets profile --prepare
exec "$@"
