"""One file per page; each is a script that Streamlit runs."""
