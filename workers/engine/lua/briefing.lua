-- Library: what a job's function reads first, read as the job is taken. Needs BRIEFING: functions of the keyword arguments
-- by the path of the job's function.
--   briefing(data) -> what the one for the job with this `data` answers; false when there is none
local function briefing(data)
  local brief = BRIEFING[string.match(data, '^%["([%w_.]+)"')] -- what RQ has compressed reads for itself
  if not brief then return false end
  local ok, said = pcall(function() return brief(cjson.decode(data)[4]) end)
  return ok and said
end
