DELETE FROM segue.past p
 WHERE p.project = :project AND p.major = :major
   AND p.taken_at < (SELECT q.taken_at
                       FROM segue.past q
                      WHERE q.project = :project AND q.major = :major
                      ORDER BY q.taken_at DESC
                     OFFSET 49 LIMIT 1)
