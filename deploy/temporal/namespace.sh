#!/bin/sh
# Makes the namespace and its search attributes known to the server at TEMPORAL_ADDRESS; a second run changes nothing.
set -eu
: "${TEMPORAL_ADDRESS:?}" "${TEMPORAL_NAMESPACE:?}" "${TEMPORAL_RETENTION:?}"

# A namespace is known to all parts of the server some seconds after it was made.
patiently() {
    attempt=1
    until "$@"; do
        [ "$attempt" -lt 30 ] || return 1
        attempt=$((attempt + 1))
        sleep 2
    done
}

# `namespace create` takes the name from its option only, not from the environment.
make_namespace() {
    temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
        temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
}

patiently temporal operator cluster health
patiently make_namespace
patiently temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
# The same as SEARCH_ATTRIBUTES of workflows/attributes.py.
patiently temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
    --name OrderStatus --type Keyword \
    --name Channel --type Keyword \
    --name MachineId --type Keyword \
    --name OrderNumber --type Keyword \
    --name ManufacturerOrderId --type Keyword \
    --name AmountMinor --type Int \
    --name NeedsAttention --type Bool
