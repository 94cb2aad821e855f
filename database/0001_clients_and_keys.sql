-- Who may ask. A key is kept only as the SHA-256 of its 256 random bits: nothing here lets anyone in.
CREATE TABLE clients (
    client_id   VARCHAR(40)  NOT NULL PRIMARY KEY,
    name        VARCHAR(100) NOT NULL,
    plan        VARCHAR(40)  NOT NULL,
    created_at  DATETIME(6)  NOT NULL,
    disabled_at DATETIME(6)  NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE api_keys (
    key_id     VARCHAR(40)  NOT NULL PRIMARY KEY,
    client_id  VARCHAR(40)  NOT NULL,
    name       VARCHAR(100) NOT NULL,
    key_hash   BINARY(32)   NOT NULL,
    role       VARCHAR(40)  NOT NULL,
    created_at DATETIME(6)  NOT NULL,
    expires_at DATETIME(6)  NULL,
    revoked_at DATETIME(6)  NULL,
    UNIQUE KEY api_keys_by_hash (key_hash),
    KEY api_keys_by_client (client_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
