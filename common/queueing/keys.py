"""The queue's Redis schema: RQ's own keys, and the few that Relevo adds beside them.

Each docstring says: type, what it holds, TTL, who writes, who reads; "RQ" marks keys that RQ 3 defines, so that its
registries, `rq info` and rq-dashboard show the truth. The Lua scripts of this package compute the same names.
"""

from __future__ import annotations

#: ZSET of job id by due time (unix s), all queues: rq-scheduler's set, the one engine for delays, retries and Later.
#: Written by enqueue, finish, rq-scheduler's API; emptied by workers.scheduler. No TTL: bounded by the waiting jobs.
DELAYED = "rq:scheduler:scheduled_jobs"
#: ZSET as DELAYED, entries the scheduler could not read, by the time they were parked. Newest 1,000.
PARKED = "rq:scheduler:parked"
#: SET of `rq:queue:<name>` (RQ). Written by enqueue.
QUEUES = "rq:queues"
#: SET of `rq:worker:<name>` (RQ). Written at a worker's birth and death.
WORKERS = "rq:workers"
#: SET of queue names that no worker claims from. Written by manage.pause and resume, read by claim.
PAUSED = "rq:paused-queues"
#: STRING (RQ): while it is there, no worker claims from any queue. Written by manage.pause_all, deleted by resume_all.
SUSPENDED = "rq:suspended"
#: ZSET of lanes that hold a job, by the time they were last looked at (unix s). Written by enqueue, advance, sweeper.
LANES = "rq:lanes"

#: ZSET of repeat id by its next time (unix s). Written by repeat.add and the scheduler's tick, read by both.
REPEATS = "rq:repeats"
#: ZSET of `<1 finished | 0 not>:<unix us>:<job id>` by time (unix s): jobs that ended with so many dependents that the
#: scheduler tells the rest. Written by finish and delete, emptied by the scheduler's next seconds.
RESOLVING = "rq:resolving"
#: Seconds between samples, and how many are kept: an hour, a day, 90 days.
SAMPLE_STEPS = ((5, 720), (60, 1_440), (1_800, 4_320))


def job(job_id: str) -> str:
    """HASH of a job (RQ). No TTL while it lives; result_ttl or failure_ttl once it ended.

    RQ: created_at, enqueued_at, started_at, ended_at, last_heartbeat (ISO), data (JSON, plain or zlib), origin,
    status, description, timeout, result_ttl, failure_ttl, retries_left, number_of_retries, worker_name.
    Ours: lane, func, due (unix s, while deferred), execution (of the last run), error (last failure, one line),
    waits (jobs it still needs), doomed (a needed job that failed), limit, slot (unix s, its moment under that limit),
    priority (unless 5), expires (unix s, it begins before or fails), backoff, keep_completed, keep_failed,
    progress (0-100), progress_note, abandoned (lost leases), why (of the last Later), result (JSON; RQ's `Job.result`
    reads it). Written by enqueue, claim, finish, reap; read by all.
    """
    return f"rq:job:{job_id}"


def queue(name: str) -> str:
    """LIST of job ids, next one first (RQ). No TTL. Pushed by enqueue, advance, scheduler; popped by claim.

    It holds the jobs of priority 5; those of another stand in `rq:queue:<name>:p<priority>`, see bands.
    """
    return f"rq:queue:{name}"


def bands(name: str) -> str:
    """ZSET of `rq:queue:<name>:p<priority>` by priority: lists beside the queue's own that hold jobs. RQ's tools show
    each as a queue. Written by enqueue and whoever else pushes, emptied by claim."""
    return f"rq:bands:{name}"


def wip(name: str) -> str:
    """ZSET of `job:execution` by lease end + 60 s (RQ's StartedJobRegistry; the margin keeps RQ's own clean-up, which
    does not know lanes, behind our reaper). Written by claim and beat, removed by finish and reap: the fence."""
    return f"rq:wip:{name}"


def finished(name: str) -> str:
    """ZSET of job id by expiry (RQ), at most the newest 10,000. Written and trimmed by finish."""
    return f"rq:finished:{name}"


def failed(name: str) -> str:
    """ZSET of job id by expiry (RQ), at most the newest 100,000. Written and trimmed by finish."""
    return f"rq:failed:{name}"


def deferred(name: str) -> str:
    """ZSET of job id by enqueue time (RQ): jobs that wait for their lane. Written by enqueue and advance."""
    return f"rq:deferred:{name}"


def scheduled(name: str) -> str:
    """ZSET of job id by due time (RQ's ScheduledJobRegistry): this queue's part of DELAYED, so that counting and
    listing need no walk of all of it. Written together with DELAYED."""
    return f"rq:scheduled:{name}"


def results(job_id: str) -> str:
    """STREAM of failed and lost attempts with their tracebacks (RQ's results), the newest 5. TTL as the job. Written by
    finish and reap; stock workers write return values here, too."""
    return f"rq:results:{job_id}"


def execution(job_id: str, execution_id: str) -> str:
    """HASH of one run of a job (RQ). TTL lease + margin. Written by claim and beat, removed by finish."""
    return f"rq:execution:{job_id}:{execution_id}"


def executions(job_id: str) -> str:
    """ZSET of execution ids of a job (RQ). TTL lease + margin. Written by claim, removed by finish."""
    return f"rq:executions:{job_id}"


def worker(name: str) -> str:
    """HASH of a worker (RQ): birth, last_heartbeat, state, queues, pid, hostname, counters; concurrency is ours.
    TTL lease + 60 s. Written by beat."""
    return f"rq:worker:{name}"


def queue_workers(name: str) -> str:
    """SET of `rq:worker:<name>` that serve queue `name` (RQ). No TTL: a worker leaves at its end, dead ones are swept.
    Written by beat, trimmed by the scheduler; read by `rq info`."""
    return f"rq:workers:{name}"


def worker_executions(name: str) -> str:
    """SET of `job:execution` that a worker runs now (RQ). TTL as the worker. Written by claim and finish."""
    return f"rq:worker:{name}:executions"


def lane(name: str) -> str:
    """LIST of job ids of one lane, the head first; only the head is queued, scheduled or running. No TTL: empty lanes
    vanish. Written by enqueue and advance."""
    return f"rq:lane:{name}"


def wake(name: str) -> str:
    """LIST of at most one token that wakes an idle worker. Pushed by whoever fills the queue, popped by workers."""
    return f"rq:wake:{name}"


def limit(name: str) -> str:
    """HASH of a queue's GCRA limiter: n jobs per us microseconds, burst, tat (us). No TTL. Set by manage.limit and a
    worker's start, advanced by claim."""
    return f"rq:limit:{name}"


def limit_rule(name: str) -> str:
    """HASH of a limit by key: n starts per us microseconds and key, burst. No TTL. Set by manage.limit_keys, read by
    claim."""
    return f"rq:limit-keys:{name}"


def limit_state(limit_key: str) -> str:
    """STRING, GCRA state (us) of one key, `<limit name>:<key>`. TTL until it says nothing any more. Claim, hold_key."""
    return f"rq:limit-key:{limit_key}"


def dependents(job_id: str) -> str:
    """SET of ids of jobs that need this one (RQ). Until it is over. Written by enqueue, taken by finish and delete."""
    return f"rq:job:{job_id}:dependents"


def resolving(entry: str) -> str:
    """SET of ids of jobs that have still to learn how an entry of RESOLVING ended. Until they have. As RESOLVING."""
    return f"rq:resolving:{entry}"


def events(name: str) -> str:
    """STREAM of what happened to a queue's jobs: kind (completed, failed, stopped, retried, delayed, stalled or
    progress), job, detail (one line). The newest 5,000 or so. Written by finish, reap, progress; read by events."""
    return f"rq:events:{name}"


def log(job_id: str) -> str:
    """LIST of JSON [unix s, line] that a job's code wrote, the newest 200. TTL 7 days, then as the job that ended.
    Written by progress.note."""
    return f"rq:log:{job_id}"


def totals(name: str) -> str:
    """HASH of counters that only grow: finished, failed, retried, later, abandoned. No TTL. Written by finish, reap."""
    return f"rq:totals:{name}"


def samples(step: int) -> str:
    """STREAM of queue samples, one every `step` seconds, as many as SAMPLE_STEPS says; field `q` is JSON, queue to
    [queued, started, scheduled, deferred, failed, age of the oldest queued in s or null, finished total, failed total,
    wait p50, wait p95, run p50, run p95 in s or null]. Written by one scheduler, read by inspect.samples."""
    return f"rq:samples:{step}"


def timings(name: str) -> str:
    """HASH of histograms of a queue's waiting and running times: `wait:<bucket>`, `run:<bucket>` counts and `wait:sum`,
    `run:sum` in s, which only grow. No TTL. Written by workers every 5 s, read by samples and /metrics."""
    return f"rq:timings:{name}"


def timings_seen(step: int) -> str:
    """STRING, JSON of all timings at the last sample of `step`. TTL: two steps and a minute. Written by samples."""
    return f"rq:timings-seen:{step}"


def duty(name: str) -> str:
    """STRING, which scheduler does a periodic duty (a sample, a sweep) this time. TTL: the duty's period."""
    return f"rq:duty:{name}"


def repeat(repeat_id: str) -> str:
    """HASH of a repeatable job: spec (JSON), created, last (unix s), last_job, runs, missed. No TTL: until removed.
    Written by repeat.add and the scheduler's tick."""
    return f"rq:repeat:{repeat_id}"


def repeat_history(repeat_id: str) -> str:
    """LIST of JSON [at, job id, missed before it, by], newest first, 50. No TTL: as its repeat. By the tick."""
    return f"rq:repeat:{repeat_id}:history"
