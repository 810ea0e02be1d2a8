#!/bin/sh
# Brings Temporal's two databases to the schema of this image's version; a second run finds nothing to do.
set -eu

migrate() { # <database> <folder of its migrations>
    temporal-sql-tool --database "$1" update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

for pair in temporal:temporal temporal_visibility:visibility; do
    database=${pair%%:*} folder=${pair##*:}
    # `setup-schema` is for empty databases: on others it may set the version back to the beginning.
    if ! migrate "$database" "$folder"; then
        temporal-sql-tool --database "$database" setup-schema -v 0.0
        migrate "$database" "$folder"
    fi
done
