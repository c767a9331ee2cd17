-- BYTES is the type of byte strings in the dialect: ids and all that a platform
-- sends, which no collation may fold and no encoding refuse. Times are in
-- microseconds since 1970.

CREATE TABLE broker_instances (
    id                  BYTES   NOT NULL PRIMARY KEY,
    service_id          BYTES   NOT NULL,
    plan_id             BYTES   NOT NULL,
    organization_guid   BYTES   NOT NULL,
    space_guid          BYTES   NOT NULL,
    context             BYTES,
    parameters          BYTES, -- sealed
    maintenance_version BYTES   NOT NULL,
    name                BYTES   NOT NULL,
    pack                BYTES   NOT NULL,
    pack_digest         BYTES   NOT NULL,
    state               TEXT    NOT NULL,
    created             BIGINT  NOT NULL,
    updated             BIGINT  NOT NULL
);

CREATE TABLE broker_bindings (
    instance_id         BYTES   NOT NULL REFERENCES broker_instances (id) ON DELETE CASCADE,
    id                  BYTES   NOT NULL,
    service_id          BYTES   NOT NULL,
    plan_id             BYTES   NOT NULL,
    app_guid            BYTES   NOT NULL,
    bind_resource       BYTES,
    context             BYTES,
    parameters          BYTES, -- sealed
    predecessor_id      BYTES   NOT NULL,
    consumer            BYTES   NOT NULL,
    answer              BYTES, -- sealed
    state               TEXT    NOT NULL,
    created             BIGINT  NOT NULL,
    PRIMARY KEY (instance_id, id)
);

-- Operations outlive what they worked on, so they refer to nothing. The sequence
-- orders those of one instance, whatever the clocks say.
CREATE TABLE broker_operations (
    id                  BYTES   NOT NULL PRIMARY KEY,
    instance_id         BYTES   NOT NULL,
    binding_id          BYTES   NOT NULL,
    sequence            BIGINT  NOT NULL,
    kind                TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    description         BYTES   NOT NULL,
    request             BYTES, -- sealed
    owner               BYTES   NOT NULL,
    request_id          BYTES   NOT NULL,
    requested_by        BYTES   NOT NULL,
    started             BIGINT  NOT NULL,
    updated             BIGINT  NOT NULL,
    UNIQUE (instance_id, sequence)
);

CREATE UNIQUE INDEX broker_operations_in_progress
    ON broker_operations (instance_id, binding_id) WHERE state = 'in progress';

CREATE TABLE broker_pool (
    name                BYTES   NOT NULL PRIMARY KEY,
    service_id          BYTES   NOT NULL,
    plan_id             BYTES   NOT NULL,
    pack                BYTES   NOT NULL,
    pack_digest         BYTES   NOT NULL,
    ready               BOOLEAN NOT NULL,
    owner               BYTES   NOT NULL,
    created             BIGINT  NOT NULL
);

CREATE TABLE broker_owners (
    owner               BYTES   NOT NULL PRIMARY KEY,
    beat                BIGINT  NOT NULL
);
