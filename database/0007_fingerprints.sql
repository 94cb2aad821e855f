-- What photos look like, of clients that have theirs compared; of others nothing is kept. Rows go with the photos, or when
-- the client's window is over. `appearance` is 256 bits of precheck/appearance.py; a candidate shares one of its three
-- bands, or is the same file.
CREATE TABLE photo_fingerprints (
    inspection_id VARCHAR(40)       NOT NULL,
    photo_index   TINYINT UNSIGNED  NOT NULL,
    client_id     VARCHAR(40)       NOT NULL,
    sha256        BINARY(32)        NOT NULL,
    appearance    BINARY(32)        NOT NULL,
    band_1        SMALLINT UNSIGNED NOT NULL,
    band_2        SMALLINT UNSIGNED NOT NULL,
    band_3        SMALLINT UNSIGNED NOT NULL,
    created_at    DATETIME(6)       NOT NULL,
    PRIMARY KEY (inspection_id, photo_index),
    KEY fingerprints_by_file (client_id, sha256, created_at),
    KEY fingerprints_by_band_1 (client_id, band_1, created_at),
    KEY fingerprints_by_band_2 (client_id, band_2, created_at),
    KEY fingerprints_by_band_3 (client_id, band_3, created_at),
    KEY fingerprints_by_age (client_id, created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- For how long a photo is remembered; NULL: photos are not compared.
ALTER TABLE clients ADD COLUMN photo_match_window_s INT UNSIGNED NULL;

-- Which photos were seen before and where, found by the pre-check for the verdict; NULL: none.
ALTER TABLE rvpxbverification_request_data ADD COLUMN seen_before JSON NULL;
