"""The steps of a turn, one file each; their order stands in workers.pipeline.pipeline."""
