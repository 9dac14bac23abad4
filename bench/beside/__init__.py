"""What the pipeline is measured against, in the same run, on the same servers."""
