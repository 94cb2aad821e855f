ALTER TABLE things ADD COLUMN colour VARCHAR(20);
INSERT INTO things VALUES (1, 'café', 'grün');
