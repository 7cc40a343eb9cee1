"""What is measured from: one process a client, started by the harness (harness/workers.py), and the libraries that it uses."""
