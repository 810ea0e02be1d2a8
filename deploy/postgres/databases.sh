#!/bin/sh
# Run once, by the image, on an empty data folder: two roles that can reach their own databases only.
set -eu

psql --no-psqlrc --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set=app_password="$POSTGRES_APP_PASSWORD" --set=temporal_password="$POSTGRES_TEMPORAL_PASSWORD" <<'SQL'
CREATE ROLE pimpmycase LOGIN PASSWORD :'app_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE pimpmycase OWNER pimpmycase;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE pimpmycase, temporal, temporal_visibility FROM PUBLIC;
SQL
