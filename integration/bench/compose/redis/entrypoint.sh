#!/bin/sh
# What the official image does, with a password.
set -eu
exec setpriv --reuid=redis --regid=redis --init-groups redis-server --bind '*' --requirepass "$REDIS_PASSWORD"
