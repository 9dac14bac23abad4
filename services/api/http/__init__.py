"""What callers see of api: its calls, its answers and how it says no."""
