-- A person has seen the chat.
-- ARGV: 1 tenant  2 cid
read_by_desk(ARGV[1], ARGV[2])
return 1
