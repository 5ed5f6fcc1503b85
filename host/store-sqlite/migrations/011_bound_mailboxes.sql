-- A mailbox may be bounded. What it holds is counted as it changes: asking does not depend on how much is inside.
ALTER TABLE user ADD COLUMN quota INTEGER;                      -- bytes; 0: without bound, NULL: as configured
ALTER TABLE mailbox ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;  -- of its items: written by the triggers below

UPDATE mailbox SET bytes = (
    SELECT coalesce(sum(coalesce(size, octet_length(text))), 0) FROM item JOIN content USING (object)
    WHERE item.user = mailbox.user);

CREATE TRIGGER content_comes AFTER INSERT ON content BEGIN
    UPDATE mailbox SET bytes = bytes + coalesce(NEW.size, octet_length(NEW.text))
    WHERE user = (SELECT user FROM item WHERE object = NEW.object);
END;

CREATE TRIGGER content_changes AFTER UPDATE OF size, text ON content BEGIN
    UPDATE mailbox
    SET bytes = bytes + coalesce(NEW.size, octet_length(NEW.text)) - coalesce(OLD.size, octet_length(OLD.text))
    WHERE user = (SELECT user FROM item WHERE object = NEW.object);
END;

-- Before: the content goes with the item.
CREATE TRIGGER item_goes BEFORE DELETE ON item BEGIN
    UPDATE mailbox
    SET bytes = bytes - coalesce(
        (SELECT coalesce(size, octet_length(text)) FROM content WHERE object = OLD.object), 0)
    WHERE user = OLD.user;
END;
