"""What every process of ours has, whatever it does: logs, traces, metrics, an order of start and stop."""
