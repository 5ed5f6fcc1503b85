-- mail.db: the bytes of mails, apart from easel.db so that megabytes never hold up a small commit.

CREATE TABLE store (
    -- One row: the id of the store this file belongs to, as in easel.db.
    id BLOB NOT NULL
) STRICT;

CREATE TABLE blob (
    -- Raw mail. Written once, committed before anything names it, never changed.
    id   INTEGER PRIMARY KEY AUTOINCREMENT,  -- BlobId, never used again
    data BLOB NOT NULL                       -- RFC 5322, byte for byte
) STRICT;
