"""The files of the chat page; `page_routes` serves them."""
