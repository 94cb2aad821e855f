-- Who may ask, and how much. Limits that are NULL are not set; rate and burst are API Gateway's, the others are hard.
CREATE TABLE plans (
    plan           VARCHAR(40)  NOT NULL PRIMARY KEY,
    rate_per_s     INT UNSIGNED NOT NULL,
    burst          INT UNSIGNED NOT NULL,
    quota_day      INT UNSIGNED NULL,
    quota_month    INT UNSIGNED NULL,
    concurrent     INT UNSIGNED NULL,
    tasks          JSON         NOT NULL,
    max_photos     INT UNSIGNED NOT NULL,
    default_wait_s INT UNSIGNED NOT NULL,
    max_wait_s     INT UNSIGNED NOT NULL,
    created_at     DATETIME(6)  NOT NULL,
    updated_at     DATETIME(6)  NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

INSERT INTO plans (plan, rate_per_s, burst, quota_day, quota_month, concurrent, tasks, max_photos, default_wait_s,
                   max_wait_s, created_at, updated_at)
VALUES ('standard', 10, 20, NULL, 100000, 200, '["inspect", "embed", "describe"]', 20, 20, 25,
        UTC_TIMESTAMP(6), UTC_TIMESTAMP(6));

-- `erase_before`: photos accepted before it are to go; what is done with it is seen at each request's photos_deleted_at.
ALTER TABLE clients
    ADD COLUMN retention_days INT UNSIGNED NULL,
    ADD COLUMN erase_before DATETIME(6) NULL,
    ADD COLUMN updated_at DATETIME(6) NULL;

-- `hint` is the part of a key that people may see again; `scopes` narrows the role, NULL leaves all of it.
ALTER TABLE api_keys
    ADD COLUMN hint VARCHAR(12) NOT NULL DEFAULT '',
    ADD COLUMN scopes JSON NULL,
    ADD COLUMN last_used_at DATETIME(6) NULL,
    ADD COLUMN replaces_key_id VARCHAR(40) NULL;

-- People (a JWT's issuer and subject) and machines in AWS (issuer 'iam', the ARN of a role or user).
CREATE TABLE members (
    member_id    VARCHAR(40)  NOT NULL PRIMARY KEY,
    client_id    VARCHAR(40)  NOT NULL,
    name         VARCHAR(100) NOT NULL,
    issuer       VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    subject      VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    role         VARCHAR(40)  NOT NULL,
    created_at   DATETIME(6)  NOT NULL,
    UNIQUE KEY members_by_subject (issuer, subject),
    KEY members_by_client (client_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row a client: what counts towards its limits. Days are UTC's.
CREATE TABLE client_usage (
    client_id   VARCHAR(40)  NOT NULL PRIMARY KEY,
    day         DATE         NOT NULL,
    day_count   INT UNSIGNED NOT NULL DEFAULT 0,
    month       DATE         NOT NULL,
    month_count INT UNSIGNED NOT NULL DEFAULT 0,
    running     INT UNSIGNED NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

INSERT INTO client_usage (client_id, day, day_count, month, month_count, running)
SELECT client_id, UTC_DATE(), 0, UTC_DATE() - INTERVAL (DAYOFMONTH(UTC_DATE()) - 1) DAY, 0, 0 FROM clients;

-- The history behind it, for reports: accepted and refunded by the day of acceptance.
CREATE TABLE client_usage_days (
    client_id VARCHAR(40)  NOT NULL,
    day       DATE         NOT NULL,
    task      VARCHAR(16)  NOT NULL,
    accepted  INT UNSIGNED NOT NULL DEFAULT 0,
    refunded  INT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (client_id, day, task)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

ALTER TABLE rvpxbverification_request_data
    ADD COLUMN photos_deleted_at DATETIME(6) NULL,
    ADD KEY requests_by_photos (client_id, photos_deleted_at, accepted_at);

-- Who changed what. Append-only: nobody, our own code included, changes or removes a line.
CREATE TABLE audit_log (
    sequence   BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at         DATETIME(6)     NOT NULL,
    actor      VARCHAR(40)     NOT NULL,
    actor_role VARCHAR(40)     NOT NULL,
    client_id  VARCHAR(40)     NULL,
    action     VARCHAR(64)     NOT NULL,
    target     VARCHAR(100)    NOT NULL,
    before_it  JSON            NULL,
    after_it   JSON            NULL,
    source_ip  VARCHAR(45)     NOT NULL,
    request_id VARCHAR(64)     NOT NULL,
    KEY audit_by_client (client_id, sequence)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_log is append-only';

CREATE TRIGGER audit_log_is_not_emptied BEFORE DELETE ON audit_log
FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_log is append-only';
