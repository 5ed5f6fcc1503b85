-- Words are found in the subject, and in the writers and readers of a mail, by themselves. Everything is indexed anew, a few
-- items at a time; until then an old item is found by words anywhere in it, and by none in a place. What waits in
-- `search_queue` is taken along: its text was made before its parts were kept apart.
INSERT OR IGNORE INTO search_again (object) SELECT object FROM item;
