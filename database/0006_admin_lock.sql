-- One row, on which changes by administrators wait for each other. They used to wait on the first line of the audit log,
-- but MySQL lets nobody lock a row who may not change it, and the functions' user may not change that log.
CREATE TABLE admin_lock (
    only_row TINYINT UNSIGNED NOT NULL PRIMARY KEY
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

INSERT INTO admin_lock (only_row) VALUES (1);
