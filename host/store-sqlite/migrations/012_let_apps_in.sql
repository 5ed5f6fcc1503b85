CREATE TABLE app_password (
    -- Secrets of the server's own making, for one app or device of a user each. Written by the administrator.
    id     INTEGER PRIMARY KEY AUTOINCREMENT,  -- AppPasswordId, never used again
    user   INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,           -- as the administrator calls it
    hash   BLOB NOT NULL UNIQUE,    -- SHA-256 of the secret, which is stored nowhere
    device TEXT,                    -- the DeviceId it is for, in the normal spelling; NULL: any
    made   INTEGER NOT NULL,        -- milliseconds since 1970
    used   INTEGER,                 -- day of the last use, in days since 1970; NULL: never. Written by the server
    UNIQUE (user, name)
) STRICT;
