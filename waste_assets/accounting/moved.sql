-- Pieces enter where the tree says: what was abandoned before any response not at all, and what
-- had entered another prompt with the response that somebody went back for, too.
--
-- Reads   moved (rewinds.py)
-- Changes places

UPDATE places
SET link = NULL
WHERE place IN (SELECT place FROM moved WHERE link IS NULL);

INSERT INTO places
SELECT p.* REPLACE (m.link AS link)
FROM places AS p
JOIN moved AS m USING (place)
WHERE m.link IS NOT NULL;
