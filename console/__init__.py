"""The console: what a support lead sees and does. Streamlit lives here and nowhere else."""
