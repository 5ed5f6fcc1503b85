-- A large folder goes from sight in one commit; what lies inside leaves row by row afterwards, in short turns.

-- NULL: the folder is there. Otherwise it is removed, is its own parent, and waits until it is empty: of the items still
-- inside, in the order of window and id, the first leaves with the change number after this one, the second with the
-- next, and so on. Those numbers were taken when the folder was removed.
ALTER TABLE folder ADD COLUMN removed INTEGER;
-- DeviceKey inside whose Sync it was removed.
ALTER TABLE folder ADD COLUMN removed_by INTEGER;

CREATE INDEX folder_removed ON folder (user) WHERE removed IS NOT NULL;
