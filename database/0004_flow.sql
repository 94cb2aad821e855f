-- More than one request at a time: lanes, deadlines, batches, what happened when, and who is told.
-- `lane`: interactive or bulk. `deadline_at`: work that can't end by then is not started. `expires_at`: then it ends as
-- expired. `held_until`: accepted outside the service hours. `reused_from`: the inspection whose verdict this one took.
-- `claimed_at`: when the lease was taken; `service_ms`: from there to the endpoint's answer, what starts are estimated by.
-- `archived_at` is the outbox mark of the result archive: what is final and has none is still to be written there.
ALTER TABLE rvpxbverification_request_data
    ADD COLUMN lane VARCHAR(16) NOT NULL DEFAULT 'interactive',
    ADD COLUMN deadline_at DATETIME(6) NULL,
    ADD COLUMN expires_at DATETIME(6) NULL,
    ADD COLUMN held_until DATETIME(6) NULL,
    ADD COLUMN claimed_at DATETIME(6) NULL,
    ADD COLUMN service_ms INT UNSIGNED NULL,
    ADD COLUMN batch_id VARCHAR(40) NULL,
    ADD COLUMN content_hash BINARY(32) NULL,
    ADD COLUMN reused_from VARCHAR(40) NULL,
    ADD COLUMN archived_at DATETIME(6) NULL,
    ADD KEY requests_by_lane (lane, state),
    ADD KEY requests_by_service (inferred_at),
    ADD KEY requests_by_batch (batch_id, state),
    ADD KEY requests_by_expiry (state, expires_at),
    ADD KEY requests_by_hold (held_until),
    ADD KEY requests_by_content (client_id, content_hash, finished_at),
    ADD KEY requests_by_archive (archived_at, finished_at);

-- Set in a copy. Without it: what the model said itself, the newest of which tells the model that is served now.
ALTER TABLE rvpxbverification
    ADD COLUMN reused_from VARCHAR(40) NULL,
    ADD KEY results_by_origin (reused_from, sequence);

-- NULL: answers are never reused.
ALTER TABLE clients ADD COLUMN reuse_window_s INT UNSIGNED NULL;

-- What happened to an inspection, in the transaction in which it happened. Append-only by habit: nothing updates it.
CREATE TABLE inspection_events (
    sequence      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    inspection_id VARCHAR(40)     NOT NULL,
    client_id     VARCHAR(40)     NOT NULL,
    state         VARCHAR(16)     NOT NULL,
    code          VARCHAR(64)     NULL,
    at            DATETIME(6)     NOT NULL,
    KEY events_by_inspection (inspection_id, sequence)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Where a client wants to be told. Secrets are kept to sign with; `old_secret` signs too until `old_secret_until`.
CREATE TABLE webhook_endpoints (
    endpoint_id      VARCHAR(40)   NOT NULL PRIMARY KEY,
    client_id        VARCHAR(40)   NOT NULL,
    url              VARCHAR(2000) NOT NULL,
    events           JSON          NOT NULL,
    secret           VARCHAR(100)  NOT NULL,
    old_secret       VARCHAR(100)  NULL,
    old_secret_until DATETIME(6)   NULL,
    disabled_at      DATETIME(6)   NULL,
    disabled_why     VARCHAR(200)  NULL,
    created_at       DATETIME(6)   NOT NULL,
    updated_at       DATETIME(6)   NOT NULL,
    KEY endpoints_by_client (client_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row a message and endpoint: written with the end of the inspection, tried until it is delivered or dead.
-- `replay_of` is empty for the message itself; a replay is another row that names it, and is sent under its id.
-- A worker that takes a row moves `next_at` to the end of its lease, so a row whose worker died is due again by itself.
CREATE TABLE webhook_deliveries (
    sequence      BIGINT UNSIGNED  NOT NULL AUTO_INCREMENT PRIMARY KEY,
    delivery_id   VARCHAR(40)      NOT NULL,
    endpoint_id   VARCHAR(40)      NOT NULL,
    client_id     VARCHAR(40)      NOT NULL,
    inspection_id VARCHAR(40)      NULL,
    batch_id      VARCHAR(40)      NULL,
    event         VARCHAR(40)      NOT NULL,
    replay_of     VARCHAR(40)      NOT NULL DEFAULT '',
    state         VARCHAR(16)      NOT NULL DEFAULT 'waiting',
    attempts      TINYINT UNSIGNED NOT NULL DEFAULT 0,
    next_at       DATETIME(6)      NULL,
    lease_owner   VARCHAR(40)      NULL,
    last_status   SMALLINT         NULL,
    last_error    VARCHAR(200)     NULL,
    created_at    DATETIME(6)      NOT NULL,
    updated_at    DATETIME(6)      NOT NULL,
    UNIQUE KEY deliveries_by_id (delivery_id),
    KEY deliveries_due (state, endpoint_id, next_at),
    KEY deliveries_by_endpoint (endpoint_id, sequence),
    KEY deliveries_by_replay (replay_of),
    KEY deliveries_by_age (created_at),
    KEY deliveries_by_inspection (inspection_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- `manifest_key` is the bucket's copy of what came in; its first `bytes_read` bytes are the `lines_read` lines that have
-- their row in batch_items. `next_at` is when a message for it is due, NULL once there is nothing left to do.
CREATE TABLE batches (
    sequence        BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    batch_id        VARCHAR(40)     NOT NULL,
    client_id       VARCHAR(40)     NOT NULL,
    idempotency_key VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    request_hash    BINARY(32)      NOT NULL,
    name            VARCHAR(100)    NULL,
    state           VARCHAR(16)     NOT NULL,
    manifest_key    VARCHAR(1024)   NOT NULL,
    line_count      INT UNSIGNED    NOT NULL,
    lines_read      INT UNSIGNED    NOT NULL DEFAULT 0,
    bytes_read      INT UNSIGNED    NOT NULL DEFAULT 0,
    next_at         DATETIME(6)     NULL,
    lease_owner     VARCHAR(40)     NULL,
    lease_until     DATETIME(6)     NULL,
    created_at      DATETIME(6)     NOT NULL,
    finished_at     DATETIME(6)     NULL,
    updated_at      DATETIME(6)     NOT NULL,
    UNIQUE KEY batches_by_id (batch_id),
    UNIQUE KEY batches_by_idempotency_key (client_id, idempotency_key),
    KEY batches_by_client (client_id, sequence),
    KEY batches_due (next_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row a line, stored with its inspection: the inspection that it became, or why it became none.
CREATE TABLE batch_items (
    batch_id      VARCHAR(40)   NOT NULL,
    line          INT UNSIGNED  NOT NULL,
    custom_id     VARCHAR(100)  NULL,
    inspection_id VARCHAR(40)   NULL,
    code          VARCHAR(64)   NULL,
    detail        VARCHAR(1000) NULL,
    PRIMARY KEY (batch_id, line)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
