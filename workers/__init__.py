"""The worker process: jobs on one event loop, the pipeline of a turn, and the one door out."""
