-- Deletes a lock if it is still the caller's: two round trips could delete somebody else's.
-- KEYS[1] the lock, ARGV[1] the caller's token. Answers 1 when it was held.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
