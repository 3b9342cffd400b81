-- The failed calls of the clusters that are to have a title, each cluster's in the order of time.
--
-- Reads   failed      failure_clusters, with the cluster that each call is shown under
--
-- Small groups are left out, where text of them may not be shown: `$private`. Of clusters that are
-- equally large the first in the alphabet is taken.

WITH large AS (
    SELECT cluster_id, count(*) AS calls
    FROM failed
    GROUP BY cluster_id
    HAVING $private OR (count(DISTINCT project) >= 2 AND count(DISTINCT person) >= 2)
    QUALIFY calls >= $least OR row_number() OVER (ORDER BY calls DESC, cluster_id) <= $most
)
SELECT
    f.cluster_id,
    f.day,
    f.session_id,
    f.project,
    f.tool_name,
    f.cause,
    f.template,
    f.example,
    f.example_rank
FROM failed AS f
JOIN large AS l USING (cluster_id)
ORDER BY l.calls DESC, f.cluster_id, f.ts, f.response_id, f.tool_use_id
