#!/bin/sh
# Makes the two roles and the database when the server starts for the first time.
# The owner makes tables and may make roles; the application's role owns nothing and inherits nothing.
set -eu
owner=$(cat /run/secrets/owner_password)
app=$(cat /run/secrets/app_password)
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -v owner="$owner" -v app="$app" <<'SQL'
CREATE ROLE equipoise_owner LOGIN CREATEROLE PASSWORD :'owner';
CREATE ROLE equipoise_app LOGIN NOINHERIT PASSWORD :'app';
CREATE DATABASE equipoise OWNER equipoise_owner;
REVOKE ALL ON DATABASE equipoise FROM PUBLIC;
GRANT CONNECT ON DATABASE equipoise TO equipoise_app;
SQL
