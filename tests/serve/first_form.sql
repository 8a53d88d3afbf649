-- A database of the first form, as it was released: never changed.
BEGIN TRANSACTION;
CREATE TABLE account (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    password_hash VARCHAR NOT NULL,
    created DATETIME NOT NULL,
    CONSTRAINT uq_account_key UNIQUE ("key")
);
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v1');
CREATE TABLE kept_photo (
    result_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    part VARCHAR,
    jpeg BLOB NOT NULL,
    CONSTRAINT pk_kept_photo PRIMARY KEY (result_id, position),
    CONSTRAINT fk_kept_photo_result_id FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
CREATE TABLE result (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    "when" DATETIME NOT NULL,
    model VARCHAR NOT NULL,
    age INTEGER,
    sex VARCHAR,
    report JSON NOT NULL,
    CONSTRAINT fk_result_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
);
CREATE TABLE score (
    result_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    attribute VARCHAR NOT NULL,
    grade INTEGER NOT NULL,
    score DOUBLE,
    confidence DOUBLE NOT NULL,
    CONSTRAINT pk_score PRIMARY KEY (result_id, position),
    CONSTRAINT fk_score_result_id FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
CREATE TABLE sign_in (
    token_hash BLOB NOT NULL,
    account_id INTEGER NOT NULL,
    started DATETIME NOT NULL,
    last_used DATETIME NOT NULL,
    CONSTRAINT pk_sign_in PRIMARY KEY (token_hash),
    CONSTRAINT fk_sign_in_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
);
CREATE INDEX ix_sign_in_account_id ON sign_in (account_id);
CREATE INDEX ix_result_account_id ON result (account_id);
INSERT INTO account VALUES (1, 'Anna', 'anna', '', '2026-03-01 11:00:00.000000');
INSERT INTO account VALUES (2, '보라', '보라', '', '2026-03-01 11:30:00.000000');
INSERT INTO result VALUES (7, 2, '2026-03-01 12:00:00.000000', 'net', 31, 'female', '{"model": "net", "attributes": [{"name": "shine"}]}');
INSERT INTO score VALUES (7, 0, 'shine', 2, 1.5, 0.625);
INSERT INTO kept_photo VALUES (7, 0, 'chin', X'FFD8');
COMMIT;
