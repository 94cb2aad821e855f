-- `released_at`: when it was let go after it was held, NULL for one that never was. What waited for the service to open is
-- not measured by how long that took.
ALTER TABLE rvpxbverification_request_data ADD COLUMN released_at DATETIME(6) NULL;
