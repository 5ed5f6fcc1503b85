CREATE TABLE note (
    -- Small texts of the server's own: what is remembered of packs. Written by the server.
    key  TEXT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
