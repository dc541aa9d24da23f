"""The event loop in front of the Flask application: it takes Meta's POSTs itself and hands all else on."""
