-- One row a request. It is the truth: state, lease and queue mark live here, and every step is a conditional UPDATE.
-- `sequence` keeps inserts at the end of the clustered index and gives lists a stable cursor; it is never shown.
CREATE TABLE rvpxbverification_request_data (
    sequence          BIGINT UNSIGNED  NOT NULL AUTO_INCREMENT PRIMARY KEY,
    inspection_id     VARCHAR(40)      NOT NULL,
    client_id         VARCHAR(40)      NOT NULL,
    idempotency_key   VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    request_hash      BINARY(32)       NOT NULL,
    state             VARCHAR(16)      NOT NULL,
    checklist         VARCHAR(64)      NOT NULL,
    checklist_version INT UNSIGNED     NOT NULL,
    item              JSON             NOT NULL,
    reference         VARCHAR(100)     NULL,
    photos            JSON             NOT NULL,
    attempts          TINYINT UNSIGNED NOT NULL DEFAULT 0,
    lease_owner       VARCHAR(40)      NULL,
    lease_until       DATETIME(6)      NULL,
    queued_at         DATETIME(6)      NULL,
    accepted_at       DATETIME(6)      NOT NULL,
    prechecked_at     DATETIME(6)      NULL,
    inferred_at       DATETIME(6)      NULL,
    finished_at       DATETIME(6)      NULL,
    updated_at        DATETIME(6)      NOT NULL,
    UNIQUE KEY requests_by_id (inspection_id),
    UNIQUE KEY requests_by_idempotency_key (client_id, idempotency_key),
    KEY requests_by_client (client_id, sequence),
    KEY requests_by_state (state, updated_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row a verdict; the unique key makes a second one impossible.
CREATE TABLE rvpxbverification (
    sequence      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    inspection_id VARCHAR(40)     NOT NULL,
    client_id     VARCHAR(40)     NOT NULL,
    outcome       VARCHAR(16)     NOT NULL,
    answers       JSON            NOT NULL,
    reasons       JSON            NOT NULL,
    model         JSON            NOT NULL,
    served_by     VARCHAR(255)    NOT NULL,
    usage_counts  JSON            NOT NULL,
    timings_ms    JSON            NOT NULL,
    created_at    DATETIME(6)     NOT NULL,
    UNIQUE KEY results_by_inspection (inspection_id),
    KEY results_by_client (client_id, sequence)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row a request that ended without a verdict: rejected photos, errors, cancelled, expired.
CREATE TABLE rvpxbverification_fail (
    sequence      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    inspection_id VARCHAR(40)     NOT NULL,
    client_id     VARCHAR(40)     NOT NULL,
    outcome       VARCHAR(16)     NOT NULL,
    code          VARCHAR(64)     NOT NULL,
    detail        VARCHAR(1000)   NOT NULL,
    created_at    DATETIME(6)     NOT NULL,
    UNIQUE KEY failures_by_inspection (inspection_id),
    KEY failures_by_client (client_id, sequence)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
