"""What every measurement needs: processes, sockets, rounds, statistics, and what becomes of the figures."""
