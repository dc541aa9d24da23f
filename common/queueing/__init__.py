"""Jobs, lanes and queues on RQ's keys: queueing, reading, managing."""
