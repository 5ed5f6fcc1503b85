-- Chinese, Japanese and Korean text is found by any characters in a row, no longer only from the beginning of a run.
CREATE TABLE search_again (
    -- Objects whose words in `search` were made by the older rule. Their text is not kept: it is made again from the
    -- item, by whoever knows formats, a few at a time. Until then they are found as before.
    object INTEGER PRIMARY KEY REFERENCES item (object) ON DELETE CASCADE
) STRICT;

INSERT INTO search_again (object)
SELECT object FROM item WHERE object NOT IN (SELECT object FROM search_queue);
