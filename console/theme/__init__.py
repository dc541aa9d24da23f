"""How the console looks: Streamlit theme, style sheet, icon."""
