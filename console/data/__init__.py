"""What the pages show, as plain values. Knows nothing of Streamlit; takes `now`, never reads a clock."""
